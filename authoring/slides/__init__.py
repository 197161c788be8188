"""Lessons as slides: one HTML file a lesson, which opens from disk without a network.

``rules`` says what of a cell is shown, ``parts`` cuts cells into what fits together, ``pages``
lays the parts out, ``notes`` adds what the speaker says, and ``deck`` writes the file.
"""
