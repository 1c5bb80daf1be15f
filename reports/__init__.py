"""Renders results: tables, figures, pages."""
