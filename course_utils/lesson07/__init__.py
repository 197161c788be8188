"""What lesson 07 alone needs: its exercises' checks, its figures, its own networks."""
