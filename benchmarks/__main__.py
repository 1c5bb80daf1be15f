"""The program: run a command line, and end with a sentence and an exit code, never with a traceback for the user."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import TextIO, cast

from cyclopts import CycloptsError
from rich.console import Console

from benchmarks.commands.cli import app
from benchmarks.commands.mistakes import sentence
from benchmarks.commands.stream import Patient
from benchmarks.errors import Interrupted, UserError
from methods.errors import MethodError
from results.errors import ResultsError

COMMANDS = [name for name in app if not name.startswith("-")]


def main(arguments: list[str] | None = None) -> int:
    """-> the exit code: 0 done, 1 a run failed, 2 bad input or output that cannot be written, 130 interrupted.

    A reader that goes (`... | head`) ends nothing: files are written, and the code is what it would have been.
    """
    out, errors = Patient(sys.stdout), Patient(sys.stderr)
    with redirect_stdout(cast("TextIO", out)), redirect_stderr(cast("TextIO", errors)):
        code = _carry_out(arguments)
        out.flush()
        if out.error is not None and sys.__stdout__ is not None:
            with suppress(OSError, ValueError):  # Python flushes what is left when it ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
        if out.error is not None and not isinstance(out.error, BrokenPipeError):
            why = out.error.strerror or out.error
            complaint = f"What was to be said could not be written ({why}); files are where they always are."
            return code or _complain(Console(stderr=True, soft_wrap=True), complaint)
    return code


def _carry_out(arguments: list[str] | None) -> int:
    errors = Console(stderr=True, soft_wrap=True)
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or 0)
    except CycloptsError as error:
        return _complain(errors, sentence(error, COMMANDS))
    except (UserError, MethodError, ResultsError) as error:
        return _complain(errors, str(error))
    except OSError as error:  # what was asked for is right, but the system refuses: a path, a disk, a permission
        place = f"{error.filename}: " if error.filename else ""
        return _complain(errors, f"{place}{error.strerror or error}.")
    except KeyboardInterrupt:
        return _complain(errors, "Interrupted.", 130)
    except Interrupted as error:
        return _complain(errors, str(error), 130)


def _complain(console: Console, sentence: str, code: int = 2) -> int:
    console.print(sentence, style="red", highlight=False, markup=False)
    return code


if __name__ == "__main__":
    sys.exit(main())
