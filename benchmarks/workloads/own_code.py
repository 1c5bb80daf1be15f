"""Loads a user's Python file, and turns what its code raises into one sentence with file and line."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.errors import UserError

_FILE_BYTES = 2**20


def load(file: Path, option: str, prefix: str) -> ModuleType:
    """Runs a file -> its module, named PREFIX + the file's name.

    option: the command-line option that named it, for errors.

    Raises UserError where there is no such file, where it is no Python or too large, and where it fails.
    """
    if not file.is_file() or file.suffix != ".py":
        raise UserError(f"There is no file {file}: {option} takes the path of a Python file, which ends in .py.")
    if file.stat().st_size > _FILE_BYTES:
        raise UserError(f"The file {file} has more than {_FILE_BYTES:,} bytes, which no Python file needs.")
    module = ModuleType(f"{prefix}{file.stem}_{abs(hash(str(file)))}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses and pickle look there
    with error_in_file(file, "it cannot be loaded"):
        exec(compile(file.read_bytes(), str(file), "exec", dont_inherit=True), vars(module))
    return module


def place(file: Path, function: Callable[..., Any]) -> str:
    """Returns "FILE, line N" of a function written in Python; else the file's name."""
    code = getattr(function, "__code__", None)
    return file.name if code is None else f"{file.name}, line {code.co_firstlineno}"


@contextmanager
def error_in_file(file: Path, failure: str) -> Iterator[None]:
    """Turns any exception of the block into a UserError: "FILE, line N: FAILURE: ...". failure: such as "mlp fails"."""
    try:
        yield
    except (Exception, SystemExit) as error:
        line = _line(file, error)
        text = " ".join(str(error).split()) or "it has no message"
        line_name = f"{file.name}, line {line}" if line else file.name
        raise UserError(f"{line_name}: {failure}: {type(error).__name__}: {text.rstrip('.')}.") from error


def _line(file: Path, error: BaseException) -> int | None:
    """Returns the innermost line of the file that the error passed through, or a syntax error's line.

    None if neither.
    """
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return lines[-1] if lines else None
