"""Data sets of text: reviews, as rows of tokens."""
