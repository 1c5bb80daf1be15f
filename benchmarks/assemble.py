"""From records to a table: what was measured beside what was published, and what one has to know to compare them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import audit, plan
from benchmarks.hardware import Card
from benchmarks.plan import Choices, Run
from benchmarks.tables import Row, Table
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

    @property
    def card(self) -> Card | None:
        return plan.card_of(self.table, self.choices)

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
        label = plan.table_workload(sheet.table, network, sheet.choices).label
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
    if measure in LAST:
        return statistics.summary([_last(record, LAST[measure]) for record in records]), ""
    if measure in OF_A_RUN:
        values = [OF_A_RUN[measure](record) for record in records]
        return statistics.summary(values), "" if any(values) else NO_PEAK
    tops = [statistics.best(record) for record in records]
    field = {"best_accuracy_percent": "accuracy_percent", "time_to_best_seconds": "seconds"}.get(measure, "epochs")
    return statistics.summary([getattr(top, field) if top else None for top in tops]), ""


NO_PEAK = "no peak was known when it ran: a hardware card states it, `python -m benchmarks calibrate` measures it"
# Measures that are a metric of the last evaluation.
LAST = {
    "train_accuracy_percent": "train_accuracy_percent",
    "train_loss": "train_loss",
    "test_accuracy_percent": "accuracy_percent",
    "test_loss": "loss",
}


def _last(record: Record, metric: str) -> float | None:
    value = record.evaluations[-1].metrics.get(metric) if record.evaluations else None
    return value if value is not None and math.isfinite(value) else None


def _training_seconds(record: Record) -> float | None:
    return record.evaluations[-1].metrics[record.clock] if record.evaluations else None


def _seconds_per_epoch(record: Record) -> float | None:
    seconds = _training_seconds(record)
    return seconds / record.evaluations[-1].epoch if seconds is not None else None


def _utilisation(record: Record) -> float | None:
    """Model FLOPs per second over the devices' peak, in percent."""
    flops, peak = (record.end or {}).get("step_flops"), record.labels.get("peak_flops_per_second")
    seconds = seconds_per_batch(record)
    if not (flops and peak and seconds):
        return None
    return float(100 * flops / seconds / (peak * record.labels["device_count"]))


OF_A_RUN: dict[str, Callable[[Record], float | None]] = {
    "train_time_seconds": _training_seconds,
    "seconds_per_epoch": _seconds_per_epoch,
    "model_flops_utilisation_percent": _utilisation,
}


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
    yield f"scale {sheet.choices.scale}; {clock(sheet.choices, sheet.card)}; {words}"
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


def clock(choices: Choices, card: Card | None) -> str:
    """What seconds are."""
    if card is not None:
        return f"virtual executor, hardware {card.name}: all seconds are simulated, the numerics are real"
    return (
        f"threads executor: real seconds of training on this machine ({choices.device}), evaluation outside the clock"
    )


def clocks(experiments: Sequence[object], choices: Choices) -> list[str]:
    """Those of all tables, each once; analyses say their own."""
    found = [clock(choices, plan.card_of(one, choices)) for one in experiments if isinstance(one, Table)]
    return list(dict.fromkeys(found))


def _notes(sheet: Sheet) -> Iterator[str]:
    if sheet.choices.scale != "paper":
        yield f"At scale {sheet.choices.scale} no number is the paper's: other data or less of it, narrower networks."
    yield from _departures(sheet)
    if sheet.card is not None:
        yield from _price_notes(sheet, sheet.card)
    else:
        hardware = sheet.planned[0].spec["hardware"]
        yield f"Hardware: {hardware['name']}, {hardware['cores']} cores."
    yield "Devices: " + "; ".join(_devices(sheet)) + "."
    if sheet.choices.scale != "paper" and any(row.batch for row in sheet.rows):
        work = plan.table_workload(sheet.table, sheet.networks[0], sheet.choices)
        yield f"A row's batch is the published one; at this scale {work.price_batch} stands for {work.batch} samples."
    for row in sheet.rows:
        if row.note:
            yield f"{row.label}: {row.note}."
    for owner, options in sheet.choices.settings.items():
        yield f"Set: {', '.join(f'{owner}.{key}={value}' for key, value in options.items())}."
    yield "Mean ± sample standard deviation over seeds (n); three seeds are weak evidence. Accuracy is on the test set."
    yield from sheet.table.notes
    yield from (f"Audit: {line}" for line in audit.audit(sheet.planned))
    yield from (f"Audit, the published setting: {line}" for line in audit.published_audit(sheet.table.id))


def _departures(sheet: Sheet) -> Iterator[str]:
    per_network = {
        network: plan.table_workload(sheet.table, network, sheet.choices).departures for network in sheet.networks
    }
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
    rate = f"at {card.flops_per_second / 1e12:.3g} TFLOP/s"
    for network in sheet.networks:
        work = plan.table_workload(sheet.table, network, sheet.choices)
        known = card.seconds_of(network, family=work.family, stem=work.charged_stem)
        if work.price == "flops":
            yield f"{network} is charged by its own FLOPs {rate}."
        elif known is not None and sheet.choices.scale != "paper":
            yield f"Each step of {network} is charged the seconds of {known.what}."
        elif known is None:
            yield f"{network} has no published seconds: a step is charged the FLOPs of the paper's network {rate}."
    if any("stem" in row.workload for row in sheet.rows):
        yield f"Rows with another stem are charged the FLOPs of the paper's network with that stem {rate}."


def _devices(sheet: Sheet) -> Iterator[str]:
    seen: dict[str, dict[str, None]] = {}
    for run in sheet.planned:
        seen.setdefault(str(run.labels["devices"]), {})[str(run.labels["method_title"])] = None
    named = any("devices" in row.options for row in sheet.rows)  # then a row's name says it
    for devices, titles in seen.items():
        yield f"{devices} for {f'{len(titles)} rows' if named else ', '.join(titles)}"
