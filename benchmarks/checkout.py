"""Where the checkout lies: the one place that knows how deep a module is in it."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
"""The folder that holds the rooms, the data cards and pyproject.toml."""
