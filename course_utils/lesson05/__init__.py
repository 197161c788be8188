"""What lesson 05 alone needs: its exercises' checks, its figures, its own networks."""
