"""What lesson 09 alone needs: its exercises' checks, its figures, its own networks."""
