"""The suite from Python, in a notebook or a script: `import async_sgd_benchmarks as ab` (docs/api.md).

Each function is a thin call on what the command line uses: same runs, same identity, same tables.

    runs = ab.run("table3", methods=["async_lu", "bp"], networks=["resnet18"], seeds=3)
    runs.measures()                          # a row per method and measure, with 95 % intervals
    runs.against("bp")                       # differences from BP, seed by seed
    ab.table("table3", methods=["async_lu", "bp"], networks=["resnet18"])
    ab.plot.curves(runs, x="seconds")

Input that cannot be used raises one of `ab.ERRORS`, whose text is a sentence that says what to do.
"""

import sys
from pathlib import Path

_PACKAGES = str(Path(__file__).resolve().parents[1])
sys.path.insert(0, _PACKAGES)  # a file results.py in the user's folder is not taken for our package
try:
    import benchmarks.errors
    import reports.figures  # noqa: F401
    import results.frames  # noqa: F401
finally:
    sys.path.remove(_PACKAGES)

from async_sgd_benchmarks import plot  # noqa: E402
from async_sgd_benchmarks.runs import Runs, compare, load  # noqa: E402
from async_sgd_benchmarks.training import replay, run, table  # noqa: E402

ERRORS = benchmarks.errors.USER_ERRORS
"""The errors of bad input, for `except ab.ERRORS as error:`; each text is one sentence for people."""

__all__ = ["ERRORS", "Runs", "compare", "load", "plot", "replay", "run", "table"]
