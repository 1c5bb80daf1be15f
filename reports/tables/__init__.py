"""A result table on the screen, as CSV, as Markdown, and as files."""
