"""Training: freezing, the loop as an iterator of events, rates, recipes, cached prefixes."""
