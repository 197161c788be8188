"""What lesson 08 alone needs: its exercises' checks, its figures, its own networks."""
