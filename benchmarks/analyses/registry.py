"""The analyses by name."""

from __future__ import annotations

import importlib
from functools import cache

import methods
from benchmarks.analyses.definition import Analysis
from benchmarks.errors import UserError

IDS = ("table9", "table10", "figure1", "speedup", "staleness", "stationary")


@cache
def analysis(id: str) -> Analysis:
    """Raises UserError, offering the nearest names, when there is none."""
    if id not in IDS:
        raise UserError(methods.unknown("analysis", id, IDS))
    found: Analysis = importlib.import_module(f"benchmarks.analyses.{id.replace('-', '_')}").ANALYSIS
    return found
