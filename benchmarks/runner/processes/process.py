"""A training process: trains the runs that its parent sends, one after the other, and reports on them.

The parent sends `Begin`. The process answers with `Epoch` after each evaluation and `Ended` at the end; with
`UserMistake`, or `Busy` if another command trains the run; and with `Remark` and `Alive` in between. Of the runner,
only training processes import torch.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import methods
from benchmarks.errors import USER_ERRORS, UserError
from benchmarks.executors import registry as executors
from benchmarks.executors.errors import EpochUnfinished, WorkerFailed, WorkersStuck, described
from benchmarks.runner import environment, numerics, weights
from benchmarks.runner.checkpoints.file import words
from benchmarks.runner.checkpoints.keeper import Checkpoints
from benchmarks.runner.gpus import VISIBLE
from benchmarks.runner.processes import signals
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.runner.processes.messages import (
    Alive,
    Begin,
    Busy,
    Ended,
    Epoch,
    ParentPipe,
    Remark,
    Resumed,
    Setting,
    UserMistake,
)
from benchmarks.runner.processes.watch import Watch, stacks
from benchmarks.runner.run_progress import RunProgress
from benchmarks.workloads import own_files
from benchmarks.workloads.workload import Workload
from results import children
from results.errors import AlreadyDone, JournalLost, LeaseHeld, ResultsError
from results.records import folder_of, read
from results.records.journal import Journal
from results.records.spec import RunSpec

if TYPE_CHECKING:
    from benchmarks.workloads.data.load import DataSet

DATA = ("dataset", "dataset_sha256", "train_samples", "test_samples", "validation", "text", "tokens", "resolution")
"""Fields of a workload that decide which data are loaded."""


def main(pipe: Connection, setting: Setting) -> None:
    """Trains runs until the parent closes the pipe."""
    signals.training.at_once = True
    signals.training.listen([signal.SIGTERM], signals.Terminated, signals.TRAINING_SECONDS)
    children.follow_parent()
    keep_freed_memory()
    if setting.gpus:  # by the environment, since torch.cuda.set_device would hold for this thread alone
        os.environ[VISIBLE] = ",".join(setting.gpus)
    try:
        serve(pipe, setting)
    except signals.Terminated:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(signals.TERMINATED)  # workers' threads may go on, and would meet an interpreter that is taken down
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except BaseException as error:  # unexpected: other processes would meet it too
        with contextlib.suppress(OSError):
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{last.filename}:{last.lineno}"
            pipe.send(UserMistake("", f"A training process has failed: {described(error)}, {where}."))


def serve(pipe: Connection, setting: Setting) -> None:
    """Trains the runs that come through the pipe. Raises EOFError if the parent closes it."""
    loaded: dict[str, DataSet] = {}
    parent = ParentPipe(pipe)
    if problem := prepare(setting):
        parent.send(UserMistake("", problem))
        return
    while True:
        begin = pipe.recv()
        with signals.training.raised(), _watched(parent, setting, begin) as watch:
            answer = carry_out(parent, setting, begin, loaded, watch)
        parent.send(answer)


def _watched(parent: ParentPipe, setting: Setting, begin: Begin) -> Watch:
    return Watch(
        RunProgress(),
        lambda sentence: parent.tell(Remark(begin.id, sentence)),
        stall_after=setting.options.stall_after,
        beat=lambda doing: parent.tell(Alive(begin.id, doing)),
    )


def prepare(setting: Setting) -> str:
    """Loads plug-ins, the user's own networks and data, and torch -> why that failed, or ""."""
    try:
        for plugin in setting.plugins:
            methods.load_plugin(plugin)
        own_files.loaded(setting.own)
        from benchmarks.runner import training  # noqa: F401
    except BaseException as error:
        return str(error) if isinstance(error, USER_ERRORS) else f"No run can be trained: {described(error)}."
    return ""


def data_of(spec: RunSpec, setting: Setting, loaded: dict[str, DataSet]) -> DataSet:
    """Returns the run's data. loaded: caches the data set of the last run, by its key.

    Raises UserError if the data are missing, or have changed since the run was planned.
    """
    from benchmarks.runner.training import load_data

    work = spec.workload.document()
    key = json.dumps([work.get(field) for field in DATA])
    if key not in loaded:
        loaded.clear()
        loaded[key] = load_data(Workload.of(spec.workload, own_files.loaded(setting.own)), setting.data)
    data = loaded[key]
    if data.card.fingerprint != spec.workload.dataset_sha256:
        raise UserError(
            f"{data.card.title} changed since the run was planned: other data, or another form of the same, is found "
            "now; give the command again."
        )
    return data


def carry_out(
    parent: ParentPipe, setting: Setting, begin: Begin, loaded: dict[str, DataSet], watch: Watch
) -> Ended | Busy | UserMistake:
    """Trains one run -> how it ended. loaded: as of `data_of`."""
    try:
        return run(parent, setting, begin, data_of(begin.spec, setting, loaded), watch)
    except AlreadyDone as done:  # by another command, since this one planned it
        return Ended(begin.id, done.status, done.reason)
    except LeaseHeld as held:
        return Busy(begin.id, held.who)
    except JournalLost as error:  # the journals of other runs are not lost
        return Ended(begin.id, "failed", str(error))
    except USER_ERRORS as error:
        return UserMistake(begin.id, str(error))
    except (signals.Terminated, BrokenPipeError, ConnectionResetError):
        raise
    except BaseException as error:  # before its training: the process can go on
        return Ended(begin.id, "failed", f"while {watch.run_progress.doing}: {described(error)}")


def run(parent: ParentPipe, setting: Setting, begin: Begin, data: DataSet, watch: Watch) -> Ended:
    """Trains one run with its journal and checkpoints, which are completed even at a signal."""
    full_environment = {**setting.environment, **environment.of_training()}
    folder = folder_of(setting.out, begin.id)
    with Journal.create(
        folder,
        id=begin.id,
        spec=begin.spec,
        environment=full_environment,
        labels=begin.labels,
        fresh=setting.options.fresh,
    ) as journal:
        weights.remove(folder)
        checkpoints = Checkpoints(
            setting.out,
            begin.id,
            environment=full_environment,
            every_seconds=None if setting.options.no_checkpoints else setting.options.checkpoint_every,
            say=lambda sentence: parent.tell(Remark(begin.id, sentence)),
            check=journal.lease.check,
        )
        if setting.options.fresh:
            checkpoints.remove()

        def flush_and_give_up(sentence: str) -> None:
            checkpoints.flush()
            give_up(parent, journal, begin.id, sentence)

        watch.give_up = flush_and_give_up
        try:
            return train(parent, setting, begin, data, journal, watch.run_progress, checkpoints)
        except (signals.Terminated, BrokenPipeError):
            interrupt(journal, checkpoints)
            raise
        finally:
            checkpoints.close()


def train(
    parent: ParentPipe,
    setting: Setting,
    begin: Begin,
    data: DataSet,
    journal: Journal,
    run_progress: RunProgress,
    checkpoints: Checkpoints | None = None,
) -> Ended:
    """Trains one run, with other ranks if its executor needs them; an error in it ends its journal."""
    from benchmarks.runner import training

    try:
        with _ranks(begin.spec):
            status = training.train(
                begin.spec,
                journal,
                data=data,
                card=setting.cards.get(begin.spec.hardware.sha256),
                report=lambda epoch, metrics: parent.send(Epoch(begin.id, epoch, metrics)),
                run_progress=run_progress,
                checkpoints=checkpoints,
                resumed=lambda checkpoint: parent.send(
                    Resumed(begin.id, checkpoint.place[0], words(*checkpoint.place))
                ),
                options=setting.options,
                own=own_files.loaded(setting.own),
            )
    except (UserError, ResultsError, BrokenPipeError, signals.Terminated):
        raise
    except BaseException as error:  # also KeyboardInterrupt: Ctrl-C is ignored here, so a plug-in raised it
        if isinstance(error.__cause__, UserError):  # a worker met a file that the user can mend
            raise error.__cause__ from None
        if isinstance(error, WorkersStuck):
            give_up(parent, journal, begin.id, str(error), traceback.format_exc())
        if (number := signals.training.asked) is not None:  # a plug-in made the signal's error into another one
            raise signals.Terminated(number) from error
        reason = str(error) if isinstance(error, WorkerFailed | EpochUnfinished) else described(error)
        journal.end("failed", reason=reason, traceback=traceback.format_exc())
        return Ended(begin.id, "failed", reason)
    return Ended(begin.id, status)


def _ranks(spec: RunSpec) -> contextlib.AbstractContextManager[None]:
    """Makes the other ranks take part, if the executor has a process per device."""
    if executors.executor(spec.executor).one_process:
        return contextlib.nullcontext()
    from benchmarks.executors.distributed.session import lead_run

    return lead_run(spec, numerics.digest())


def interrupt(journal: Journal, checkpoints: Checkpoints | None = None) -> None:
    """Ends the journal as interrupted, after a last checkpoint, unless it has ended already."""
    with journal.lock:
        if _goes_on(journal):
            position = checkpoints.flush() if checkpoints is not None else None
            continuation = "" if position is None else f"; the same command goes on after {words(*position)}"
            with contextlib.suppress(ResultsError):  # the process ends all the same
                journal.end("interrupted", reason=f"the command was ended{continuation}")
        journal.close()


def give_up(parent: ParentPipe, journal: Journal, id: str, sentence: str, raised: str = "") -> None:
    """Ends the run as failed and exits, since a thread cannot be ended; returns only if the run has ended already.

    raised: traceback of an exception; the stacks of all threads follow it in the journal.
    """
    with journal.lock:  # to the end: nothing may follow the journal's last line
        if not _goes_on(journal):
            return
        with contextlib.suppress(ResultsError):
            journal.end("failed", reason=sentence, traceback=raised + stacks())
        parent.tell(Ended(id, "failed", sentence, with_process=True))
        os._exit(1)


def _goes_on(journal: Journal) -> bool:
    try:
        return read(journal.path).end is None
    except ResultsError:  # deleted or moved
        return True
