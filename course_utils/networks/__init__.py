"""Networks: loading weights safely, heads, a network as a row of stages, what is inside."""
