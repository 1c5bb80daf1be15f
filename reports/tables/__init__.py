"""Renders result tables: on the screen and as files."""
