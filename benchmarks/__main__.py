"""The program: run a command line, and end with a sentence and an exit code, never with a traceback for the user.

Hardly anything is imported before Ctrl-C can be answered.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys

OLDEST = (3, 11)
"""The oldest Python that pyproject.toml admits; an older one has to be able to read this file."""

if sys.version_info < OLDEST:
    _oldest, _here = (".".join(map(str, _version[:2])) for _version in (OLDEST, sys.version_info))
    sys.stderr.write(f"Python {_oldest} or later is needed, and {sys.executable} is Python {_here}.\n")
    sys.exit(2)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from benchmarks.commands.background_writer import BackgroundWriter

GONE_SECONDS = 1.0
"""That a command which was asked to end gives its readers."""


def main(arguments: list[str] | None = None) -> int:
    """-> the exit code: 0 done, 1 a run failed, 2 bad input or output that cannot be written, 130 interrupted.

    SIGTERM and SIGHUP: 143 and 129. A reader that goes (`... | head`) ends nothing: files are written, and the code is
    what it would have been; nor does one that reads nothing, until the end, where it is waited for.
    """
    from benchmarks.commands.background_writer import BackgroundWriter

    with BackgroundWriter(sys.stdout) as out, BackgroundWriter(sys.stderr) as errors:
        with contextlib.redirect_stdout(out.text), contextlib.redirect_stderr(errors.text):
            code, sentence = _carry_out(arguments)
        asked = code > 128
        out.drain(GONE_SECONDS if asked else None)
        lost = _lost(out)
        for complaint in (sentence, "" if code else lost):
            _complain(errors, complaint)
        errors.drain(GONE_SECONDS if asked else None)
    return code or (2 if lost else 0)


def _lost(out: BackgroundWriter) -> str:
    """A sentence on output that could not be written, for other reasons than a reader that went."""
    if out.error is None:
        return ""
    if sys.__stdout__ is not None:
        with contextlib.suppress(OSError, ValueError):  # Python flushes what is left when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
    if isinstance(out.error, BrokenPipeError):
        return ""
    why = out.error.strerror or out.error
    return f"What was to be said could not be written ({why}); files are where they always are."


def _carry_out(arguments: list[str] | None) -> tuple[int, str]:
    """-> the exit code, and a sentence on what went wrong."""
    try:
        from cyclopts import CycloptsError

        from benchmarks.commands.cli import app
        from benchmarks.commands.mistakes import sentence
        from benchmarks.errors import USER_ERRORS, Interrupted
        from methods.registry import raised_in_plugin

        try:
            code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
            return int(code or 0), ""
        except CycloptsError as error:
            return 2, sentence(error, [name for name in app if not name.startswith("-")])
        except USER_ERRORS as error:
            return 2, str(error)
        except Interrupted as error:
            return error.code, str(error)
        except (Exception, SystemExit) as error:
            if not (said := raised_in_plugin(error)):
                raise
            return 2, said
    except OSError as error:  # what was asked for is right, but the system refuses: a path, a disk, a permission
        place = f"{error.filename}: " if error.filename else ""
        more = "; raise the limit (ulimit -n), or choose fewer --jobs" if error.errno == errno.EMFILE else ""
        return 2, f"{place}{error.strerror or error}{more}."
    except (ImportError, MemoryError) as error:  # a library is not there, is broken, or finds no room
        return 2, f"What this takes cannot be loaded ({type(error).__name__}: {error}); is there enough memory?"
    except KeyboardInterrupt as error:
        from benchmarks.runner.processes import signals

        asked = signals.signalled(error)
        return asked.code, f"{asked.word}."


def _complain(errors: BackgroundWriter, sentence: str) -> None:
    if not sentence:
        return
    try:
        from benchmarks.commands.screen import Screen

        console = Screen(file=errors.text, soft_wrap=True)
        console.print(sentence, style="red", highlight=False, markup=False)
    except (ImportError, MemoryError):
        errors.write(f"{sentence}\n")


def program() -> NoReturn:
    """Runs `main` and ends the process with its exit code: `python -m benchmarks`, and the console script."""
    leave_folder()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until somebody listens: no traceback of an import
    _occupy_standard_descriptors()
    from benchmarks.runner.processes import signals

    try:
        signals.command.listen(signals.of_commands())
        code = main()
        signals.command.look()
    except signals.Signalled as error:  # while the end was being said
        asked = signals.signalled(error)
        code = asked.code
        with contextlib.suppress(OSError, ValueError):
            print(f"{asked.word}.", file=sys.stderr, flush=True)
    if signals.command.asked is not None:  # nothing is left to be done, and nothing may hold it up
        os._exit(code)
    sys.exit(code)


def leave_folder() -> None:
    """Keeps files of the user's folder from being imported, here and in children, unless that folder is the checkout.

    `python -m` looks for modules there first, and so does every process that Python's multiprocessing starts.
    """
    folder = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    with contextlib.suppress(FileNotFoundError):  # it is gone
        if os.path.realpath(os.getcwd()) == folder:
            return
        if sys.path[:1] == [os.getcwd()] and not sys.flags.safe_path:
            del sys.path[0]
    os.environ["PYTHONSAFEPATH"] = "1"


def _occupy_standard_descriptors() -> None:
    """Opens closed standard descriptors: else the next file would get their number, and what others write to it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


if __name__ == "__main__":
    program()
