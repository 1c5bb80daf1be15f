"""The analyses by name: every other file and folder beside this one is one, loaded when first used."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from benchmarks import analyses
from benchmarks.analyses.definition import Analysis
from benchmarks.errors import UserError
from methods.errors import unknown

NO_ANALYSIS = ("definition", "registry")


def _ids() -> tuple[str, ...]:
    modules = sorted(module.name for module in pkgutil.iter_modules(analyses.__path__))
    return tuple(name.replace("_", "-") for name in modules if name not in NO_ANALYSIS)


IDS = _ids()


@cache
def analysis(id: str) -> Analysis:
    """Returns the analysis.

    Raises UserError, offering the nearest names, where there is none or its file does not define it.
    """
    if id not in IDS:
        raise UserError(unknown("analysis", id, IDS))
    module = importlib.import_module(f"{analyses.__name__}.{id.replace('-', '_')}")
    analysis = getattr(module, "ANALYSIS", None)
    if not isinstance(analysis, Analysis) or analysis.id != id:
        raise UserError(f"{module.__file__} defines no analysis '{id}': give it ANALYSIS = Analysis(id='{id}', ...).")
    return analysis
