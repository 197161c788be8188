"""What lesson 04 alone needs: its exercises' checks, its figures, its own networks."""
