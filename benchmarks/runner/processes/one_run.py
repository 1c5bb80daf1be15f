"""One run in a training process: its data, its journal, its checkpoints, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import traceback
from typing import TYPE_CHECKING

from benchmarks.runner.processes import signals
from benchmarks.runner.processes.messages import (
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
from results.records.spec import RunSpec

if TYPE_CHECKING:
    from benchmarks.runner.checkpoints.keeper import Checkpoints
    from benchmarks.workloads.data.load import DataSet
    from results.records.journal import Journal

DATA = ("dataset", "dataset_sha256", "train_samples", "test_samples", "validation", "text", "tokens", "resolution")
"""The fields of a workload that decide on the data that is loaded."""


def carry_out(
    parent: ParentPipe, setting: Setting, begin: Begin, loaded: dict[str, DataSet], watch: Watch
) -> Ended | Busy | UserMistake:
    """Train the run. loaded: the data set that is at hand, by its key; another takes its place."""
    from benchmarks.errors import USER_ERRORS
    from benchmarks.executors.errors import described
    from results.errors import AlreadyDone, JournalLost, LeaseHeld

    try:
        return _run(parent, setting, begin, data_of(begin.spec, setting, loaded), watch)
    except AlreadyDone as done:  # by another command, since this one planned it
        return Ended(begin.id, done.status, done.reason)
    except LeaseHeld as held:
        return Busy(begin.id, held.who)
    except JournalLost as error:  # its siblings' journals are theirs
        return Ended(begin.id, "failed", str(error))
    except USER_ERRORS as error:
        return UserMistake(begin.id, str(error))
    except (signals.Terminated, BrokenPipeError, ConnectionResetError):
        raise
    except BaseException as error:  # outside of its training: the process can go on
        return Ended(begin.id, "failed", f"while {watch.run_progress.doing}: {described(error)}")


def data_of(spec: RunSpec, setting: Setting, loaded: dict[str, DataSet]) -> DataSet:
    """The run's data. loaded: what is at hand, by its key.

    Raises UserError where it is missing, or is not that of the plan, whose identity the run has.
    """
    from benchmarks.errors import UserError
    from benchmarks.runner.specs import workload_of
    from benchmarks.runner.training import load_data
    from benchmarks.workloads import own_files

    work = spec.workload.document()
    key = json.dumps([work.get(part) for part in DATA])  # the same of runs that can share their data
    if key not in loaded:
        loaded.clear()
        loaded[key] = load_data(workload_of(spec.workload, own_files.loaded(setting.own)), setting.data)
    data = loaded[key]
    if data.card.fingerprint != spec.workload.dataset_sha256:
        raise UserError(
            f"{data.card.title} changed since the run was planned: other data, or another form of the same, is found "
            "now; give the command again."
        )
    return data


def _run(parent: ParentPipe, setting: Setting, begin: Begin, data: DataSet, watch: Watch) -> Ended:
    from benchmarks.runner import environment, weights
    from benchmarks.runner.checkpoints.keeper import Checkpoints
    from results.records import folder_of
    from results.records.journal import Journal

    here = {**setting.environment, **environment.of_training()}
    with Journal.create(
        folder_of(setting.out, begin.id),
        id=begin.id,
        spec=begin.spec,
        environment=here,
        labels=begin.labels,
        fresh=setting.fresh,
    ) as journal:
        weights.remove(journal.path.parent)
        checkpoints = Checkpoints(
            setting.out,
            begin.id,
            environment=here,
            every_seconds=setting.checkpoint_every,
            say=lambda sentence: parent.tell(Remark(begin.id, sentence)),
            check=journal.check,
        )
        if setting.fresh:
            checkpoints.remove()

        def give_up(sentence: str) -> None:
            checkpoints.flush()
            _give_up(parent, journal, begin.id, sentence)

        watch.give_up = give_up
        try:
            return _train(parent, setting, begin, data, journal, watch.run_progress, checkpoints)
        except (signals.Terminated, BrokenPipeError):
            interrupt(journal, checkpoints)
            raise
        finally:
            checkpoints.close()


def interrupt(journal: Journal, checkpoints: Checkpoints | None = None) -> None:
    """End it so, with a last checkpoint.

    Not where the signal came when an end was on the disk and the journal did not know it yet.
    """
    from benchmarks.runner.checkpoints.file import words
    from results.errors import ResultsError

    with journal.lock:
        if _goes_on(journal):
            place = checkpoints.flush() if checkpoints is not None else None
            more = "" if place is None else f"; the same command goes on after {words(*place)}"
            with contextlib.suppress(ResultsError):  # that it was ended matters more
                journal.end("interrupted", reason=f"the command was ended{more}")
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
        parent.tell(Ended(id, "failed", sentence, with_process=True))
        os._exit(1)


def _train(
    parent: ParentPipe,
    setting: Setting,
    begin: Begin,
    data: DataSet,
    journal: Journal,
    run_progress: RunProgress,
    checkpoints: Checkpoints | None = None,
) -> Ended:
    from benchmarks.errors import UserError
    from benchmarks.executors.errors import EpochUnfinished, WorkerFailed, WorkersStuck, described
    from benchmarks.runner.training import train
    from benchmarks.workloads import own_files
    from results.errors import ResultsError

    try:
        with _ranks(begin.spec):
            status = train(
                begin.spec,
                journal,
                data=data,
                card=setting.cards.get(begin.spec.hardware.sha256),
                report=lambda epoch, metrics: parent.send(Epoch(begin.id, epoch, metrics)),
                run_progress=run_progress,
                checkpoints=checkpoints,
                resumed=lambda found: parent.send(Resumed(begin.id, found.place[0], found.words)),
                keep_weights=setting.keep_weights,
                own=own_files.loaded(setting.own),
            )
    except (UserError, ResultsError, BrokenPipeError, signals.Terminated):
        raise
    except BaseException as error:  # Ctrl-C is ignored here: a plug-in raised it
        if isinstance(error.__cause__, UserError):  # a worker met a file that the user can mend
            raise error.__cause__ from None
        if isinstance(error, WorkersStuck):
            _give_up(parent, journal, begin.id, str(error), traceback.format_exc())
        if (number := signals.training.asked) is not None:  # that was raised, and made into something else
            raise signals.Terminated(number) from error
        reason = str(error) if isinstance(error, WorkerFailed | EpochUnfinished) else described(error)
        journal.end("failed", reason=reason, traceback=traceback.format_exc())
        return Ended(begin.id, "failed", reason)
    return Ended(begin.id, status)


def _ranks(spec: RunSpec) -> contextlib.AbstractContextManager[None]:
    """Have the other ranks take part, where the executor has a process per device."""
    from benchmarks.executors import registry as executors

    if executors.executor(spec.executor).one_process:
        return contextlib.nullcontext()
    from benchmarks.executors.distributed.session import lead_run
    from benchmarks.runner import numerics

    return lead_run(spec, numerics.digest())
