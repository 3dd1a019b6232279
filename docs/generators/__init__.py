"""Generators of the pages in docs/ that follow from the code; `make docs` runs them."""
