"""The same training, faster: what the lessons' own loop leaves on the table.

folding.py merges batch norms into convolutions where a network only looks, extracting.py computes
features that way, changing.py alters images in a batch on the device, training.py is the loop
without a wait in every step, recipes.py puts them together.  Each is tested to compute what the
plain way computes; `benchmarks/race.py` measures what it saves.
"""
