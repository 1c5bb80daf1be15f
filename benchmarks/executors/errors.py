"""Errors of a run in its executor."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from methods import effects
from methods.effects import Worker

METHOD_ERRORS = (Exception, GeneratorExit, SystemExit)
"""Exceptions that a method's code may raise; any other BaseException is a signal to the process."""
OUR_METHODS = str(Path(effects.__file__).parent) + os.sep
CHECKOUT = OUR_METHODS.removesuffix("methods" + os.sep)
PLUGINS = ("plugin_", "own_network_")
"""Prefixes of the names of modules loaded from a user's files: methods, and networks."""
PLACE = "_place_in_a_method"
"""The attribute of an exception with the line at which its worker's program stood; closing the program loses it."""

Line = tuple[FrameType, int]


def described(error: BaseException) -> str:
    """Returns an error's text: class, message, and the line of the user's method or network that raised it, if any."""
    try:
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
    except METHOD_ERRORS as text_error:
        text = f"{type(error).__name__}, whose __str__ raises {type(text_error).__name__}"
    raised = list(traceback.walk_tb(error.__traceback__))
    place = _place(list(filter(_is_plugin, raised))) or vars(error).get(PLACE) or _place(raised)
    return f"{text} ({place})" if place else text


def standing(worker: Worker) -> str:
    """Returns the file and line at which a worker's program waits for its effect; "" once it has ended."""
    return _place(_suspended_at(worker.program), worker.program)


def _place(lines: Sequence[Line], program: object = None) -> str:
    """Returns "file:line" of the innermost line of a plug-in, else of one of our methods, else "".

    program: a generator whose file counts as a plug-in's.
    """
    code = getattr(program, "gi_code", None)
    file = code.co_filename if code is not None else ""
    own_lines = [line for line in lines if _file(line).startswith(OUR_METHODS)]
    plugins = [line for line in lines if line not in own_lines and (_file(line) == file or _is_plugin(line))]
    for line in (plugins or own_lines)[-1:]:
        return f"{_file(line).removeprefix(CHECKOUT)}:{line[1]}"
    return ""


def _file(line: Line) -> str:
    return line[0].f_code.co_filename


def _is_plugin(line: Line) -> bool:
    return str(line[0].f_globals.get("__name__")).startswith(PLUGINS)


def _suspended_at(program: object) -> list[Line]:
    """Returns the suspended lines of a generator and of those that it delegates to, outermost first."""
    lines = []
    while (frame := getattr(program, "gi_frame", None)) is not None:
        lines.append((frame, frame.f_lineno))
        program = getattr(program, "gi_yieldfrom", None)
    return lines


class WorkerFailed(Exception):
    """A worker raised, and the others were ended. __cause__: the worker's exception."""

    def __init__(self, worker: str, cause: BaseException) -> None:
        super().__init__(worker, cause)
        self.worker, self.error = worker, cause
        self.__cause__ = cause

    def __str__(self) -> str:
        return f"Worker '{self.worker}' failed: {described(self.error)}"


class WorkersStuck(Exception):
    """A run has failed, and some workers do not end. Threads cannot be killed, so this process should end.

    __cause__: the failure.
    """

    def __init__(self, failure: Exception, stuck: Iterable[str], seconds: float) -> None:
        super().__init__(f"{failure}; {seconds:g} s later these had not ended: {', '.join(stuck)}")
        self.__cause__ = failure


class EpochUnfinished(Exception):
    """All workers ended, but batches or gradients were left over."""

    def __init__(self, leftovers: Iterable[str]) -> None:
        super().__init__(
            f"Workers left an epoch unfinished: {', '.join(leftovers)}; a method takes all batches, and applies all "
            "gradients or declares by a Drop effect which ones it does not"
        )


class ScheduleMismatch(Exception):
    """A recorded schedule does not fit the workers that replay it."""

    def __init__(self, where: str) -> None:
        super().__init__(f"The schedule does not fit: {where}")


class Stalled(Exception):
    """All workers wait for each other: a deadlock."""

    def __init__(self, waiting: Iterable[tuple[Worker, str]]) -> None:
        names = "; ".join(f"{worker.name} waits for {what} ({standing(worker)})" for worker, what in waiting)
        super().__init__(f"Every worker waits and none can go on: {names}".replace(" ()", ""))


@contextmanager
def closing(workers: Sequence[Worker]) -> Iterator[None]:
    """Closes all workers' programs at the end of the block.

    Raises the block's own error, else WorkerFailed, naming the worker, where a program cannot be closed.
    """
    try:
        yield
    except BaseException as error:
        _note_place(workers, error)
        _close(workers)
        raise
    if (failure := _close(workers)) is not None:
        raise failure


def _note_place(workers: Sequence[Worker], error: BaseException) -> None:
    """Stores on the error the line of the program of the worker that raised it: the named one, or the only one."""
    for worker in workers:
        if isinstance(error, WorkerFailed) and error.worker == worker.name:
            error = error.error
        elif len(workers) > 1:
            continue
        with suppress(*METHOD_ERRORS):
            raised = list(traceback.walk_tb(error.__traceback__))
            vars(error)[PLACE] = standing(worker) or _place(raised, worker.program)
        return


def _close(workers: Sequence[Worker]) -> WorkerFailed | None:
    """Closes all programs -> the failure of the first that could not be closed, or None."""
    failure = None
    for worker in workers:
        try:
            worker.program.close()
        except METHOD_ERRORS as error:
            failure = failure or WorkerFailed(worker.name, error)
    return failure
