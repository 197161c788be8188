"""Lessons as slides: one HTML file a lesson, which opens from disk without a network.

``cells`` makes slides of a lesson's cells, ``notes`` reads what the speaker says, ``deck`` writes
the file.
"""
