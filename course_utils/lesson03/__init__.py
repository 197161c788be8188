"""What lesson 03 alone needs: its exercises' checks, its figures, its own networks."""
