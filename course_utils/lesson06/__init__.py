"""What lesson 06 alone needs: its exercises' checks, its figures, its own networks."""
