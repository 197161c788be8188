"""What lesson 00 alone needs: its exercises' checks, its figures, its own networks."""
