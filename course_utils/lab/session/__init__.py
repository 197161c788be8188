"""A lab session: a model that trains while its blocks are frozen and thawed; no widgets here."""
