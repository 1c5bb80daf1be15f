"""A process that trains runs, one after the other, and tells its parent how they go.

The parent sends `Begin`; the child answers with an `Epoch` after each and `Ended`, or with `UserMistake`, or with
`Busy` where another command trains the run; in between with a `Remark` on what people should know.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from benchmarks.runner.gpus import VISIBLE
from benchmarks.runner.processes import signals
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.runner.processes.messages import Alive, Begin, Busy, Ended, ParentPipe, Remark, Setting, UserMistake
from benchmarks.runner.processes.watch import Watch
from benchmarks.runner.run_progress import RunProgress
from results import children

if TYPE_CHECKING:
    from benchmarks.workloads.data.load import DataSet

CarryOut = Callable[[ParentPipe, Setting, Begin, "dict[str, DataSet]", Watch], Ended | Busy | UserMistake]


def main(pipe: Connection, setting: Setting, carry_out: CarryOut) -> None:
    """Serve until the parent hangs up. carry_out: trains one run."""
    signals.training.at_once = True
    signals.training.listen([signal.SIGTERM], signals.Terminated, signals.TRAINING_SECONDS)
    children.follow_parent()
    keep_freed_memory()
    if setting.gpus:  # by the environment, since torch.cuda.set_device would hold for this thread alone
        os.environ[VISIBLE] = ",".join(setting.gpus)
    try:
        _serve(pipe, setting, carry_out)
    except signals.Terminated:
        # Workers' threads may go on, and would meet an interpreter that is taken down under them.
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(signals.TERMINATED)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except BaseException as error:  # unexpected: other processes would meet it too
        with contextlib.suppress(OSError):
            from benchmarks.executors.errors import described

            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{last.filename}:{last.lineno}"
            pipe.send(UserMistake("", f"A training process has failed: {described(error)}, {where}."))


def _serve(pipe: Connection, setting: Setting, carry_out: CarryOut) -> None:
    loaded: dict[str, DataSet] = {}
    parent = ParentPipe(pipe)
    if wrong := prepare(setting):
        parent.send(UserMistake("", wrong))  # as of any other run
        return
    while True:
        begin = pipe.recv()
        with signals.training.raised():  # its journal is to have an end
            answer = _watched(parent, setting, begin, loaded, carry_out)
        parent.send(answer)


def _watched(
    parent: ParentPipe, setting: Setting, begin: Begin, loaded: dict[str, DataSet], carry_out: CarryOut
) -> Ended | Busy | UserMistake:
    def say(sentence: str) -> None:
        parent.tell(Remark(begin.id, sentence))

    def beat(at: str) -> None:
        parent.tell(Alive(begin.id, at))

    with Watch(RunProgress(), say, stall_after=setting.stall_after, beat=beat) as watch:
        return carry_out(parent, setting, begin, loaded, watch)


def prepare(setting: Setting) -> str:
    """Load the plug-ins, the user's own networks and data, and import what trains -> why that cannot be done, or ""."""
    import methods
    from benchmarks.errors import USER_ERRORS
    from benchmarks.workloads import own_files

    try:
        for plugin in setting.plugins:
            methods.load_plugin(plugin)
        own_files.loaded(setting.own)
        from benchmarks.runner import training  # noqa: F401
    except BaseException as error:
        from benchmarks.executors.errors import described

        mendable = isinstance(error, USER_ERRORS)
        return str(error) if mendable else f"No run can be trained: {described(error)}."
    return ""
