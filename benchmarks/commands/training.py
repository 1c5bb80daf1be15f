"""What every command that trains does with its planned runs: what they share, training what is missing, what failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.markup import escape

from benchmarks.errors import Interrupted
from benchmarks.runner import environment, gpus
from benchmarks.runner.checkpoints import file as checkpoints
from benchmarks.runner.checkpoints import keeper
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import Grid
from benchmarks.runner.node import Node
from benchmarks.runner.pace import Pace
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import signals
from benchmarks.runner.processes.messages import Ended, Setting
from benchmarks.runner.progress import Display, duration
from benchmarks.runner.progress import runs as many
from benchmarks.views import journals
from benchmarks.views.journals import Journals


class Careful(Protocol):
    """What the command line says of runs that stand still or may be ended early (commands' options, Care)."""

    @property
    def stall_after(self) -> float | None: ...
    @property
    def checkpoints(self) -> float | None: ...
    @property
    def fresh(self) -> bool: ...


def setting(grids: Iterable[Grid], chosen: Choices, out: Path, care: Careful) -> Setting:
    """What all runs of these tables share."""
    own = chosen.device == "cuda" and chosen.node is None  # a node's GPUs are found there
    cards = {digest: card for grid in grids for digest, card in grid.cards.items()}
    here = environment.describe("cuda" if own else "cpu")
    seen = gpus.each() if own else ()
    given = chosen.data, cards, chosen.plugins, here, seen
    return Setting(out, *given, care.stall_after, care.fresh, care.checkpoints, chosen.own)


def resumable(runs: Sequence[Run], missing: Sequence[Run], out: Path, care: Careful) -> int:
    """How many of the missing have checkpoints to go on from; those of the others are removed."""
    keeper.prune(out, {run.id for run in runs} - {run.id for run in missing})
    return 0 if care.fresh else sum(bool(checkpoints.found(out, run.id)) for run in missing)


def train(
    missing: Sequence[Run],
    setting: Setting,
    jobs: int,
    console: Console,
    train_all: Callable[..., dict[str, Ended]],
    node: Node | None = None,
) -> dict[str, Ended]:
    """-> how each run ended, by its id. train_all: an engine's, which each command brings; node: where it trains."""
    begun, pace, jobs = time.monotonic(), Pace(journals.read(setting.out).records, node), min(jobs, len(missing))
    console.print(f"Expected: {expected(missing, pace, jobs)}", highlight=False, soft_wrap=True)
    with Display(missing, console, pace, jobs) as display:
        try:
            ended = train_all(missing, setting, jobs=jobs, listen=display)
        except KeyboardInterrupt as error:
            asked = signals.signalled(error)
            raise Interrupted(f"{asked.word}: {_kept(display, missing, setting)}.", asked.code) from None
    console.print(f"{many(len(missing))} in {duration(time.monotonic() - begun)} (wall clock)", highlight=False)
    return ended


def expected(runs: Sequence[Run], pace: Pace, jobs: int) -> str:
    """How long training them takes, and what that rests on."""
    if not runs:
        return "nothing is to be trained"
    return f"about {duration(pace.seconds(runs, jobs))} of training (wall clock), {pace.basis(runs)}"


def _kept(display: Display, missing: Sequence[Run], setting: Setting) -> str:
    """What is there of a grid that was ended early, and what the same command does with the rest."""
    again = "the same command without --fresh" if setting.fresh else "the same command"
    done = f"{display.done} of {many(len(missing))} done"
    if not (display.done or display.begun):
        return f"none of {many(len(missing))} had begun; {again} begins {'it' if len(missing) == 1 else 'them'}"
    lost = sum(not checkpoints.found(setting.out, id) for id in display.begun)
    if not lost:
        return f"{done} and kept; {again} carries on"
    if display.done or lost < len(display.begun):
        return f"{done} and kept; {again} carries on, but begins {many(lost)} anew, of which there is no checkpoint"
    return f"{done}, and no checkpoint of the {lost} under way; {again} begins anew"


def failures(missing: Sequence[Run], ended: Mapping[str, Ended], found: Journals) -> Iterator[str]:
    """A sentence for each run that failed, or whose journal is not there, or no more, though it has ended."""
    for run in missing:
        end = ended.get(run.id)
        if end is not None and end.status == "failed":
            record = found.exact(run)
            kept = f" [its journal: {record.path}]" if record is not None else ""
            yield f"{run.title}: {end.reason}{kept}"
        elif end is not None and not found.done(run):
            yield f"{run.title}: it was trained, and its journal in --out is gone or damaged; run again."


def complain(failed: Sequence[str], console: Console) -> None:
    """Say these sentences."""
    for sentence in failed:
        console.print(f"[bold red]Failed:[/] {escape(sentence)}", highlight=False, soft_wrap=True)
