"""The program: run a command line, and end with a sentence and an exit code, never with a traceback for the user."""

from __future__ import annotations

import os
import sys

from cyclopts import CycloptsError
from rich.console import Console

from benchmarks.commands.cli import app
from benchmarks.commands.mistakes import sentence
from benchmarks.errors import Interrupted, UserError
from methods.errors import MethodError
from results.errors import ResultsError

COMMANDS = [name for name in app if not name.startswith("-")]


def main(arguments: list[str] | None = None) -> int:
    """-> the exit code: 0 done, 1 a run failed, 2 bad input, 130 interrupted."""
    errors = Console(stderr=True, soft_wrap=True)
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return int(code or 0)
    except CycloptsError as error:
        return _complain(errors, sentence(error, COMMANDS))
    except (UserError, MethodError, ResultsError) as error:
        return _complain(errors, str(error))
    except BrokenPipeError:  # `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
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
