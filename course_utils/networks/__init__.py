"""Networks: loading weights safely, heads, a network as a row of blocks, what is inside."""
