"""Table 10: the paper's hyperparameters beside those of the suite's workloads. Trains nothing."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.analyses.definition import Analysis, Finding, Request
from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.workload import Workload, workload
from results import published
from results.measures import Measure
from results.published import Published
from results.statistics import Summary
from results.tables import Conditions, ResultCell, ResultRow, ResultTable

SOURCE = "arXiv:2410.05985v1, Table 10"
MEASURES = (
    Measure("batch_size", "Batch size", digits=0, exact=True),
    Measure("lr", "Learning rate", digits=4, exact=True),
    Measure("momentum", "Momentum", digits=2, exact=True),
    Measure("t_max", "T_max (epochs)", digits=0, exact=True),
    Measure("warm_up_epochs", "Warm-up (epochs)", digits=0, exact=True),
    Measure("warm_up_lr", "Warm-up rate", digits=4, exact=True),
    Measure("weight_decay", "Weight decay", digits=4, exact=True),
)
NO_WARM_UP = "no warm-up"


def run(request: Request) -> Finding:
    """Compares the workloads at paper scale and, if that is another, at the request's."""
    paper: dict[str, dict[str, Published]] = {}
    for (network, _, measure), value in published.load("table10").items():
        paper.setdefault(network, {})[measure] = value
    rows = [
        _row(name, values, scale)
        for name, values in paper.items()
        if not request.networks or name.split("/")[1] in request.networks
        for scale in dict.fromkeys(("paper", request.scale))
    ]
    if not rows:
        raise UserError(f"Nothing to show for table10: its networks are {', '.join(paper)}.")
    return Finding((_table(request, rows, paper),))


def _row(name: str, paper: Mapping[str, Published], scale: str) -> ResultRow:
    family, network = name.split("/")
    work = workload(family, network, scale)
    suite_values = values(work)
    cells = []
    for measure in MEASURES:
        value = suite_values[measure.key]
        summary = Summary(value, None, 1) if value is not None else None
        cells.append(ResultCell(paper.get(measure.key), summary, "" if summary else NO_WARM_UP))
    return ResultRow(name, f"{work.name}, {work.optimizer.name}", scale, f"at scale {scale}", tuple(cells))


def values(work: Workload) -> dict[str, float | None]:
    """Returns the workload's value of every measure; None where it has none."""
    schedule, optimizer = work.schedule, work.optimizer
    return {
        "batch_size": float(work.batch),
        "lr": schedule.lr,
        "momentum": optimizer.momentum,
        "t_max": float(schedule.t_max),
        "warm_up_epochs": float(schedule.warm_up_epochs),
        "warm_up_lr": schedule.warm_up_lr if schedule.warm_up_epochs else None,
        "weight_decay": optimizer.weight_decay,
    }


def _data(name: str, scale: str) -> str:
    family, network = name.split("/")
    return card(workload(family, network, scale).dataset).title


def _table(request: Request, rows: list[ResultRow], paper: Mapping[str, Mapping[str, Published]]) -> ResultTable:
    shown = list(dict.fromkeys(row.network for row in rows))
    data = dict.fromkeys(_data(name, request.scale) for name in shown)
    contradictions = [
        f"{name}, {measure}: {value.note}." for name in shown for measure, value in paper[name].items() if value.note
    ]
    return ResultTable(
        name="table10",
        title="Hyperparameters: the paper's, and those of the suite's workloads",
        source=SOURCE,
        measures=MEASURES,
        rows=tuple(rows),
        conditions=Conditions(scale=request.scale),
        captions=(f"settings, not measurements; scale {request.scale} trains on {', '.join(data)}",),
        notes=(
            "Where the paper's text contradicts its Table 10, the workloads follow the table; --set workload.FIELD "
            "takes the other value.",
            *contradictions,
        ),
        value="ours",
        item="Settings",
    )


ANALYSIS = Analysis("table10", "Hyperparameters of paper A", SOURCE, run, paper="paper-a", scaled=True)
