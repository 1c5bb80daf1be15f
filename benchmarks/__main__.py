"""The program: runs a command line, and ends with a sentence and an exit code, never with a traceback for the user.

Imports little before it handles Ctrl-C.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys

OLDEST = (3, 11)
"""The oldest Python that pyproject.toml admits; older ones must be able to parse this file."""

if sys.version_info < OLDEST:
    _oldest, _here = (".".join(map(str, _version[:2])) for _version in (OLDEST, sys.version_info))
    sys.stderr.write(f"Python {_oldest} or later is needed, and {sys.executable} is Python {_here}.\n")
    sys.exit(2)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TextIO


class Output:
    """A text stream whose methods raise nothing: after a write that failed, text is dropped.

    Runs go on and files are written where the reader has left or the disk is full. A character that the encoding lacks
    is written as "?". error: the first error of a write, None without any.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: Any = stream if stream is not None else io.StringIO()
        self.error: Exception | None = None if stream is not None else OSError("it is closed")
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def write(self, text: str) -> int:
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._attempt(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _attempt(self, action: Callable[[], object]) -> None:
        if self.error is None:
            try:
                action()
            except (OSError, ValueError) as error:  # ValueError: the stream is closed
                self.error = error


def main(arguments: list[str] | None = None) -> int:
    """Runs a command line -> the exit code: 0 done, 1 a run failed, 2 bad input or output that cannot be written.

    130, 143 and 129: ended by Ctrl-C, SIGTERM or SIGHUP. A reader that leaves (`... | head`) changes no exit code.
    """
    out: Any = Output(sys.stdout)
    errors: Any = Output(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code, sentence = _carry_out(arguments)
    if code <= 128:  # else nobody may be reading, and the process is to end
        out.flush()
    lost = _lost(out)
    _complain(errors, sentence or ("" if code else lost))
    return code or (2 if lost else 0)


def _lost(out: Output) -> str:
    """Returns a sentence on output that could not be written, for another reason than a reader that left."""
    if out.error is None:
        return ""
    if sys.__stdout__ is not None:
        with contextlib.suppress(OSError, ValueError):  # Python flushes the rest when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())
    if isinstance(out.error, BrokenPipeError):
        return ""
    why = getattr(out.error, "strerror", None) or out.error
    return f"The output could not be written ({why}); all files are written."


def _carry_out(arguments: list[str] | None) -> tuple[int, str]:
    """Runs a command line, unless a signal ends it -> the exit code, and a sentence on what went wrong."""
    from benchmarks.runner.processes import signals

    try:
        ended = _attempt(arguments)
        signals.command.look()  # a complaint may be a library's error in the request's place, as any exception may be
        return ended
    except BaseException as error:
        if not (isinstance(error, KeyboardInterrupt) or signals.command.pending):
            raise
        request = signals.signalled(error)
        return request.code, f"{request.word}."


def _attempt(arguments: list[str] | None) -> tuple[int, str]:
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
            if not (complaint := raised_in_plugin(error)):
                raise
            return 2, complaint
    except OSError as error:  # the system refuses: a path, a disk, a permission
        place = f"{error.filename}: " if error.filename else ""
        more = "; raise the limit (ulimit -n), or choose fewer --jobs" if error.errno == errno.EMFILE else ""
        return 2, f"{place}{error.strerror or error}{more}."
    except ModuleNotFoundError as error:  # in a checkout another Python than that of `.venv` was called
        return 2, (
            f"The package {error.name} is not installed for {sys.executable}: in a checkout put `uv run` before "
            "(uv run python -m benchmarks ...), or activate its environment (source .venv/bin/activate)."
        )
    except (ImportError, MemoryError) as error:  # a library is broken, or finds no room
        return 2, f"A library cannot be loaded ({type(error).__name__}: {error}); is there enough memory?"


def _complain(errors: Any, sentence: str) -> None:
    if not sentence:
        return
    try:
        from benchmarks.commands.screen import Screen

        console = Screen(file=errors, soft_wrap=True)
        console.print(sentence, style="red", highlight=False, markup=False)
    except (ImportError, MemoryError):
        errors.write(f"{sentence}\n")


def program() -> NoReturn:
    """Runs `main` and ends the process with its exit code: `python -m benchmarks`, and the console script."""
    leave_folder()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports below shows no traceback
    _occupy_standard_descriptors()
    from benchmarks.runner.processes import signals

    try:
        signals.command.listen(signals.of_commands())
        code = main()
        signals.command.look()
    except signals.Signalled as error:  # a signal after the command's work, while the last lines are printed
        request = signals.signalled(error)
        code = request.code
        with contextlib.suppress(OSError, ValueError):
            print(f"{request.word}.", file=sys.stderr, flush=True)
    if signals.command.asked is not None:  # end at once: a flush at exit could block
        os._exit(code)
    sys.exit(code)


def leave_folder() -> None:
    """Keeps Python from importing files of the working folder, here and in child processes, except in the checkout.

    `python -m` and Python's multiprocessing look for modules in the working folder first.
    """
    folder = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    with contextlib.suppress(FileNotFoundError):  # the folder was deleted
        if os.path.realpath(os.getcwd()) == folder:
            return
        if sys.path[:1] == [os.getcwd()] and not sys.flags.safe_path:
            del sys.path[0]
    os.environ["PYTHONSAFEPATH"] = "1"


def _occupy_standard_descriptors() -> None:
    """Opens closed standard descriptors: the next opened file would get their number, and output meant for them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


if __name__ == "__main__":
    program()
