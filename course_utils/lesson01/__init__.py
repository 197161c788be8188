"""What lesson 01 alone needs: its exercises' checks, its figures, its own networks."""
