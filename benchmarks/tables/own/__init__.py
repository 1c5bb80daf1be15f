"""Tables of one's own: a Python or a TOML file, and the published values in a CSV beside it."""
