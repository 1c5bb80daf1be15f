"""From records to a table: what was measured beside what was published, and what one has to know to compare them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.hardware import Card
from benchmarks.plan import Choices, Run
from benchmarks.tables import Row, Table
from benchmarks.workloads import Workload, workload
from reports import model
from results import published, statistics
from results.published import Published
from results.records import Record
from results.statistics import Summary

Records = Mapping[tuple[str, str], Sequence[Record]]  # (network, row key) -> one record per seed
TARGET = "target_percent"


@dataclass(frozen=True)
class Sheet:
    """All that a table is made of. planned: its runs, of which `records` holds those that are there."""

    table: Table
    choices: Choices
    rows: Sequence[Row]
    networks: Sequence[str]
    planned: Sequence[Run]
    records: Records
    target: float | None = None  # percent, if the user fixed one

    def of(self, network: str, row: str) -> Sequence[Record]:
        return self.records.get((network, row), ())

    def complete(self, network: str, row: str) -> list[Record]:
        return [record for record in self.of(network, row) if record.complete]

    def target_of(self, network: str) -> statistics.Target | None:
        """The paper's rule over the rows that the paper has; all rows where none of those was run."""
        if self.target is not None:
            return statistics.Target(self.target, "--target")
        paper_rows = {row for net, row, _ in published.load(self.table.id) if net == network}
        per_row = {row.key: self.complete(network, row.key) for row in self.rows}
        return statistics.paper_target(per_row, paper_rows)


def assemble(sheet: Sheet) -> model.ResultTable:
    values = published.load(sheet.table.id)
    rows = []
    for network in sheet.networks:
        target = sheet.target_of(network)
        label = _workload(sheet, network).label
        for row in sheet.rows:
            cells = [
                _cell(sheet, network, row.key, measure, target, values.get((network, row.key, measure)))
                for measure in sheet.table.measures
            ]
            rows.append(model.Row(network, label, row.key, row.label, tuple(cells)))
    return model.ResultTable(
        name=sheet.table.id,
        title=sheet.table.title,
        source=sheet.table.source,
        measures=tuple(model.MEASURES[measure] for measure in sheet.table.measures),
        rows=tuple(rows),
        captions=tuple(_captions(sheet)),
        notes=tuple(_notes(sheet)),
    )


def measured(sheet: Sheet) -> dict[tuple[str, str, str], Summary]:
    """(network, row, measure) -> what was measured, for tracking; a table's target stands under the row "*"."""
    found = {}
    for network in sheet.networks:
        target = sheet.target_of(network)
        if target is not None and "time_to_target_seconds" in sheet.table.measures:
            found[network, published.ANY_ROW, TARGET] = Summary(target.percent, None, 0)
        for row in sheet.rows:
            for measure in sheet.table.measures:
                value, _ = _measure(sheet, network, row.key, measure, target)
                if value is not None:
                    found[network, row.key, measure] = value
    return found


def _workload(sheet: Sheet, network: str) -> Workload:
    return workload(sheet.table.family, network, sheet.choices.scale, dict(sheet.choices.settings.get("workload", {})))


# ---- cells


def _cell(
    sheet: Sheet,
    network: str,
    row: str,
    measure: str,
    target: statistics.Target | None,
    there: Published | None,
) -> model.Cell:
    value, reason = _measure(sheet, network, row, measure, target)
    return model.Cell(there, value, reason or _incidents(sheet.of(network, row)))


def _measure(
    sheet: Sheet, network: str, row: str, measure: str, target: statistics.Target | None
) -> tuple[Summary | None, str]:
    """The value, or why there is none."""
    records = sheet.complete(network, row)
    if not records:
        return None, _incidents(sheet.of(network, row)) or "not run"
    if measure in ("time_to_target_seconds", "epochs_to_target"):
        if target is None:
            return None, _incidents(records) or "no target: no run of this network finished"
        return statistics.reached(records, target.percent)[measure == "epochs_to_target"], ""
    if measure == "relative_speedup":
        return _speedup(records, sheet.complete(network, "bp"))
    tops = [statistics.best(record) for record in records]
    field = {"best_accuracy_percent": "accuracy_percent", "time_to_best_seconds": "seconds"}.get(measure, "epochs")
    return statistics.summary([getattr(top, field) if top else None for top in tops]), ""


def _speedup(records: Sequence[Record], baseline: Sequence[Record]) -> tuple[Summary | None, str]:
    """Seconds per batch of BP over those of the method, seed by seed."""
    base = {record.seed: seconds_per_batch(record) for record in baseline}
    pairs = [(base.get(record.seed), seconds_per_batch(record)) for record in records]
    if not all(ours and theirs for theirs, ours in pairs):
        return None, "no BP run of the same seed to compare with"
    return statistics.summary([theirs / ours for theirs, ours in pairs if theirs and ours]), ""


def seconds_per_batch(record: Record) -> float | None:
    """On the record's clock. Per batch, since methods drop different remainders of an epoch."""
    if not record.evaluations:
        return None
    last = record.evaluations[-1]
    return last.metrics[record.clock] / last.step


def _incidents(records: Sequence[Record]) -> str:
    bad = [record for record in records if record.status != "finished"]
    words = dict.fromkeys(
        f"{record.status}: {record.end.get('reason', '')}" if record.end else record.status for record in bad
    )
    return f"{len(bad)} of {len(records)} runs " + "; ".join(words) if bad else ""


# ---- what stands above and below


def _captions(sheet: Sheet) -> Iterator[str]:
    seeds = sheet.choices.seeds
    words = f"seeds 0 to {seeds - 1}" if seeds > 1 else "seed 0"
    yield f"scale {sheet.choices.scale}; {clock(sheet.choices)}; {words}"
    for network in sheet.networks:
        if "time_to_target_seconds" in sheet.table.measures:
            yield _target_line(sheet, network)


def _target_line(sheet: Sheet, network: str) -> str:
    target = sheet.target_of(network)
    theirs = published.load(sheet.table.id).get((network, "*", TARGET))
    paper = f"; the paper's: {theirs.mean:g} %" if theirs else ""
    if target is None:
        return f"{network}: no target, since no run finished{paper}"
    if sheet.target is not None:
        return f"{network}: target {target.percent:g} % (--target){paper}"
    gone = f"; without finished runs: {', '.join(target.left_out)}" if target.left_out else ""
    return f"{network}: target {target.percent:g} %, the best accuracy of {target.row}, rounded down{gone}{paper}"


def clock(choices: Choices) -> str:
    """What seconds are."""
    if choices.card is not None:
        return f"virtual executor, hardware {choices.card.name}: all seconds are simulated, the numerics are real"
    return (
        f"threads executor: real seconds of training on this machine ({choices.device}), evaluation outside the clock"
    )


def _notes(sheet: Sheet) -> Iterator[str]:
    if sheet.choices.scale != "paper":
        yield f"At scale {sheet.choices.scale} no number is the paper's: other data or less of it, narrower networks."
    yield from _departures(sheet)
    if sheet.choices.card is not None:
        yield from _price_notes(sheet, sheet.choices.card)
    else:
        hardware = sheet.planned[0].spec["hardware"]
        yield f"Hardware: {hardware['name']}, {hardware['cores']} cores."
    yield "Devices: " + "; ".join(_devices(sheet)) + "."
    for row in sheet.rows:
        if row.note:
            yield f"{row.label}: {row.note}."
    for owner, options in sheet.choices.settings.items():
        yield f"Set: {', '.join(f'{owner}.{key}={value}' for key, value in options.items())}."
    yield "Mean ± sample standard deviation over seeds (n); three seeds are weak evidence. Accuracy is on the test set."
    yield from sheet.table.notes


def _departures(sheet: Sheet) -> Iterator[str]:
    per_network = {network: _workload(sheet, network).departures for network in sheet.networks}
    shared = [
        words for words in next(iter(per_network.values())) if all(words in said for said in per_network.values())
    ]
    if shared:
        yield f"Departs from the paper scale in: {'; '.join(shared)}."
    for network, said in per_network.items():
        if own := [words for words in said if words not in shared]:
            yield f"{network} also in: {'; '.join(own)}."


def _price_notes(sheet: Sheet, card: Card) -> Iterator[str]:
    yield f"Hardware {card.name}: {card.title}. {' '.join(card.notes)}".strip()
    for network in sheet.networks:
        work = _workload(sheet, network)
        if work.price == "published" and network in card.networks:
            if sheet.choices.scale != "paper":
                yield f"Each step of {network} is charged the seconds of {card.networks[network].what}."
        else:
            yield f"{network} is charged by its own FLOPs at {card.flops_per_second / 1e12:.3g} TFLOP/s."


def _devices(sheet: Sheet) -> Iterator[str]:
    seen: dict[str, dict[str, None]] = {}
    for run in sheet.planned:
        seen.setdefault(str(run.labels["devices"]), {})[str(run.labels["method_title"])] = None
    for devices, titles in seen.items():
        yield f"{devices} for {', '.join(titles)}"
