"""What lesson 11 alone needs: its exercises' checks, its figures, its own networks."""
