"""Table 10: the paper's hyperparameters beside those of the suite's workloads. Trains nothing."""

from __future__ import annotations

from benchmarks.analyses.definition import Analysis, Finding, Request
from benchmarks.errors import UserError
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.workload import Workload, workload
from results import published
from results.measures import Measure
from results.published import Published
from results.statistics import summary
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


def run(request: Request) -> Finding:
    """Compares the workloads at paper scale and, if that is another, at the request's."""
    paper: dict[str, dict[str, Published]] = {}  # "cifar10/resnet18" -> measure -> value
    for (name, _, measure), value in published.load("table10").items():
        if not request.networks or name.split("/")[1] in request.networks:
            paper.setdefault(name, {})[measure] = value
    if not paper:
        names = ", ".join(dict.fromkeys(name for name, _, _ in published.load("table10")))
        raise UserError(f"Nothing to show for table10: its networks are {names}.")
    works = {name: [_work(name, scale) for scale in dict.fromkeys(("paper", request.scale))] for name in paper}
    rows = [_row(name, paper[name], work) for name, of_name in works.items() for work in of_name]
    data = dict.fromkeys(card(of_name[-1].dataset).title for of_name in works.values())
    contradictions = [
        f"{name}, {measure}: {value.note}." for name in paper for measure, value in paper[name].items() if value.note
    ]
    table = ResultTable(
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
    return Finding((table,))


def _work(name: str, scale: str) -> Workload:
    family, network = name.split("/")
    return workload(family, network, scale)


def _row(name: str, paper: dict[str, Published], work: Workload) -> ResultRow:
    schedule, optimizer = work.schedule, work.optimizer
    ours = {
        "batch_size": work.batch,
        "lr": schedule.lr,
        "momentum": optimizer.momentum,
        "t_max": schedule.t_max,
        "warm_up_epochs": schedule.warm_up_epochs,
        "warm_up_lr": schedule.warm_up_lr if schedule.warm_up_epochs else None,
        "weight_decay": optimizer.weight_decay,
    }
    cells = []
    for measure in MEASURES:
        value = ours[measure.key]
        cells.append(
            ResultCell(paper.get(measure.key), reason="no warm-up")
            if value is None
            else ResultCell(paper.get(measure.key), summary([float(value)]))
        )
    return ResultRow(name, f"{work.name}, {work.optimizer.name}", work.scale, f"at scale {work.scale}", tuple(cells))


ANALYSIS = Analysis("table10", "Hyperparameters of paper A", SOURCE, run, paper="paper-a", scaled=True)
