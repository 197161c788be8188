"""What lesson 10 alone needs: its exercises' checks, its figures, its own networks."""
