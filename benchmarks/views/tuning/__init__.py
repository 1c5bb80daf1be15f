"""Tuned tables: how far the searches are, and the rows at their best."""
