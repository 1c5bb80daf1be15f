"""A result table on the screen, as CSV and as Markdown."""
