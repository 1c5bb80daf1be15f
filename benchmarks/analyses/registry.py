"""Loads analyses by name: almost every file and folder beside this one is an analysis."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from benchmarks import analyses
from benchmarks.analyses.definition import Analysis
from benchmarks.errors import UserError
from methods.errors import unknown

_OTHERS = {"definition", "registry", "simulation"}
_MODULES = sorted({module.name for module in pkgutil.iter_modules(analyses.__path__)} - _OTHERS)
IDS = tuple(name.replace("_", "-") for name in _MODULES)


@cache
def analysis(id: str) -> Analysis:
    """Returns an analysis. Raises UserError for an unknown name, offering the nearest, or a file without ANALYSIS."""
    if id not in IDS:
        raise UserError(unknown("analysis", id, IDS))
    module = importlib.import_module(f"{analyses.__name__}.{id.replace('-', '_')}")
    analysis = getattr(module, "ANALYSIS", None)
    if not isinstance(analysis, Analysis) or analysis.id != id:
        raise UserError(f"{module.__file__} defines no analysis '{id}': give it ANALYSIS = Analysis(id='{id}', ...).")
    return analysis
