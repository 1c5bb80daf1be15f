"""A table in Python: a file with `TABLE = Table(...)`, as ours are."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

import methods
from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.tables.definition import Table
from benchmarks.tables.own.place import Place


def of_python(path: Path) -> Table:
    """Raises UserError where it cannot be carried out, has no TABLE, or brings methods that no plug-in does."""
    before = set(methods.names())
    found = getattr(_module(path), "TABLE", None)
    if not isinstance(found, Table):
        raise Place(path, None, "there is no TABLE = Table(...) in it, as in benchmarks/tables/table3.py.")
    if more := [name for name in methods.names() if name not in before]:
        raise Place(path, None, f"it registers {', '.join(more)}; add --plugin {path}, for the processes that train.")
    return found


def _module(path: Path) -> ModuleType:
    """The file carried out; where it was named as a plug-in as well, it has been."""
    whole = path.resolve()
    for known, module in list(sys.modules.items()):
        if known.startswith("plugin_") and getattr(module, "__file__", None) == str(whole):
            return module
    name = f"table_{path.stem}_{abs(hash(str(whole)))}"
    spec = importlib.util.spec_from_file_location(name, whole)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is no Python file.")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        what = str(error) if isinstance(error, USER_ERRORS) else f"{type(error).__name__}: {error}."
        raise Place(path, _line_in(whole, error), what) from error
    return module


def _line_in(path: Path, error: BaseException) -> int | None:
    if isinstance(error, SyntaxError):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None
