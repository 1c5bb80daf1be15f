"""A process that trains runs, one after the other, and tells its parent how they go.

The parent sends `Begin`; the child answers with an `Epoch` after each and `Ended`, or with `Wrong`; in between with a
`Standstill` when nothing gets on.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import threading
import traceback
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.hardware.card import Card
from benchmarks.runner.gpus import VISIBLE
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.runner.processes.messages import Answer, Begin, Ended, Epoch, Standstill, Wrong
from benchmarks.runner.processes.watch import Watch, stacks
from benchmarks.runner.standing import Standing
from results.records.spec import RunSpec

if TYPE_CHECKING:
    from benchmarks.workloads.data.load import DataSet
    from results.records.journal import Journal

DATA = ("dataset", "dataset_sha256", "train_samples", "test_samples", "text", "resolution")
"""The fields of a workload that decide on the data that is loaded."""


@dataclass(frozen=True)
class Setting:
    """What all runs of a command share. gpus: CUDA_VISIBLE_DEVICES, an entry each; of a process, the one it sees."""

    out: Path
    data: Path | None
    cards: dict[str, Card]  # of the virtual clock, by sha256
    plugins: tuple[Path, ...]
    environment: dict[str, Any]
    gpus: tuple[str, ...] = ()
    stall_after: float | None = None  # seconds without progress after which a run is given up
    fresh: bool = False  # train again what another command has finished meanwhile


class ParentPipe:
    """The way to the parent, for several threads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def send(self, answer: Answer) -> None:
        with self._lock:
            self._pipe.send(answer)


class Terminated(BaseException):
    """The parent, or somebody else, asked this process to end."""


def _terminate(signum: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows writes the journal's end
    raise Terminated


def _follow_parent() -> None:
    """End with a parent that was killed, and not only at the end of an epoch, when it hears nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def main(pipe: Connection, setting: Setting) -> None:
    """Serve until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends us
    signal.signal(signal.SIGTERM, _terminate)
    threading.Thread(target=_follow_parent, daemon=True).start()
    keep_freed_memory()
    if setting.gpus:  # by the environment, since torch.cuda.set_device would hold for this thread alone
        os.environ[VISIBLE] = ",".join(setting.gpus)
    try:
        _serve(pipe, setting)
    except (Terminated, EOFError, BrokenPipeError, ConnectionResetError):
        return


def _serve(pipe: Connection, setting: Setting) -> None:
    import methods
    from benchmarks.errors import UserError
    from benchmarks.runner.specs import workload_of
    from benchmarks.runner.training import load_data
    from results.errors import AlreadyDone, JournalLost, ResultsError

    for plugin in setting.plugins:
        methods.load_plugin(plugin)
    loaded: dict[str, DataSet] = {}
    parent = ParentPipe(pipe)
    while True:
        begin: Begin = pipe.recv()
        answer: Ended | Wrong
        with Watch(Standing(), partial(_say, parent, begin.id), stall_after=setting.stall_after) as watch:
            try:
                key = _data_key(begin.spec)
                if key not in loaded:
                    loaded.clear()
                    loaded[key] = load_data(workload_of(begin.spec.workload), setting.data)
                answer = _run(parent, setting, begin, loaded[key], watch)
            except AlreadyDone as done:  # by another command, since this one planned it
                answer = Ended(begin.id, done.status, done.reason)
            except JournalLost as error:  # its siblings' journals are theirs
                answer = Ended(begin.id, "failed", str(error))
            except (UserError, ResultsError, methods.MethodError) as error:
                answer = Wrong(begin.id, str(error))
        parent.send(answer)


def _say(parent: ParentPipe, id: str, sentence: str) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more: the thread that trains finds out by itself
        parent.send(Standstill(id, sentence))


def _data_key(spec: RunSpec) -> str:
    """What runs that can share their data have in common."""
    work = spec.workload.document()
    return json.dumps([work[part] for part in DATA])


def _run(parent: ParentPipe, setting: Setting, begin: Begin, data: DataSet, watch: Watch) -> Ended:
    from benchmarks.runner import environment
    from results.records import folder_of
    from results.records.journal import Journal

    with Journal.create(
        folder_of(setting.out, begin.id),
        id=begin.id,
        spec=begin.spec,
        environment={**setting.environment, **environment.of_process()},
        labels=begin.labels,
        fresh=setting.fresh,
    ) as journal:
        watch.give_up = partial(_give_up, parent, journal, begin.id)
        try:
            return _train(parent, setting, begin, data, journal, watch.standing)
        except (Terminated, BrokenPipeError):
            interrupt(journal)
            raise


def interrupt(journal: Journal) -> None:
    """End it so, unless the signal came when an end was on the disk and the journal did not know it yet."""
    from results.errors import JournalLost

    with journal.lock:
        if _goes_on(journal):
            with contextlib.suppress(JournalLost):
                journal.end("interrupted", reason="the command was ended")
        journal.close()


def _goes_on(journal: Journal) -> bool:
    from results.errors import ResultsError
    from results.records import read

    try:
        return read(journal.path).end is None
    except ResultsError:  # deleted or moved
        return True


def _give_up(parent: ParentPipe, journal: Journal, id: str, sentence: str, raised: str = "") -> None:
    """End the run and this process, since a thread cannot be ended; returns only where the run has ended meanwhile.

    raised: the traceback of what was raised; the threads' stacks follow it.
    """
    from results.errors import ResultsError

    with journal.lock:  # to the end: nothing may follow the journal's last line
        if not _goes_on(journal):
            return
        with contextlib.suppress(ResultsError):
            journal.end("failed", reason=sentence, traceback=raised + stacks())
        with contextlib.suppress(OSError):
            parent.send(Ended(id, "failed", sentence, with_process=True))
        os._exit(1)


def _train(
    parent: ParentPipe, setting: Setting, begin: Begin, data: DataSet, journal: Journal, standing: Standing
) -> Ended:
    from benchmarks.errors import UserError
    from benchmarks.executors.errors import EpochUnfinished, WorkerFailed, WorkersStuck, described
    from benchmarks.runner.training import train
    from results.errors import ResultsError

    try:
        status = train(
            begin.spec,
            journal,
            data=data,
            card=setting.cards.get(begin.spec.hardware.sha256),
            report=lambda epoch, metrics: parent.send(Epoch(begin.id, epoch, metrics)),
            standing=standing,
        )
    except (UserError, ResultsError, BrokenPipeError, Terminated):
        raise
    except BaseException as error:  # Ctrl-C is ignored here: a plug-in raised it
        if isinstance(error.__cause__, UserError):  # a worker met a file that the user can mend
            raise error.__cause__ from None
        if isinstance(error, WorkersStuck):
            _give_up(parent, journal, begin.id, str(error), traceback.format_exc())
        reason = str(error) if isinstance(error, WorkerFailed | EpochUnfinished) else described(error)
        journal.end("failed", reason=reason, traceback=traceback.format_exc())
        return Ended(begin.id, "failed", reason)
    return Ended(begin.id, status)
