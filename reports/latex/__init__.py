"""LaTeX for a paper: one file a table, one a figure, to be taken in by `\\input`."""
