"""What lesson 02 alone needs: its exercises' checks, its figures, its own networks."""
