"""Sentences above and below a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from benchmarks.hardware.card import Card, Costs
from benchmarks.runner import seeds
from benchmarks.runner.grid import Grid
from benchmarks.runner.plan import trained_as_others
from benchmarks.runner.settings import renamed
from benchmarks.views.table_runs import TableRuns, made_elsewhere
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.workload import Workload
from results import published
from results.measures import MEASURES, Measure, need
from results.records import Record


def captions(table_runs: TableRuns) -> Iterator[str]:
    yield f"scale {table_runs.grid.size}; {clock(table_runs.grid)}; {seeds.words(table_runs.seeds)}"
    for network in table_runs.networks:
        if need(table_runs.table.measures, "target"):
            yield _target_line(table_runs, network)
        if words := ", ".join(_budgets(table_runs, network)):
            yield f"{network}: compared at equal {words}"


def _budgets(table_runs: TableRuns, network: str) -> Iterator[str]:
    """Yields what rows are compared at, where the table asks for that: "samples 6,400 (all of DDP)"."""
    for what, (most, key) in table_runs.budgets(network).items():
        if need(table_runs.table.measures, what):
            size = {"samples": f"{most:,.0f}", "seconds": f"{most:.4g}", "bytes": f"{most / 1e6:.4g} MB"}[what]
            label = next((row.label for row in table_runs.rows if row.key == key), key)
            yield f"{what} {size} (all of {label})"


def _silent(table_runs: TableRuns) -> Iterator[str]:
    """Says which rows are at equal bytes without having sent any."""
    sent, known = MEASURES["sent_megabytes"], need(table_runs.table.measures, "bytes")
    silent = [row.label for row in table_runs.rows if known and _all_zero(table_runs, row.key, sent)]
    if silent:
        yield f"At equal bytes what sends nothing between devices has its last value: {', '.join(silent)}."


def _all_zero(table_runs: TableRuns, row: str, measure: Measure) -> bool:
    values = [measure.of(record) for network in table_runs.networks for record in table_runs.complete(network, row)]
    return bool(values) and not any(value is None or value for value in values)


def _target_line(table_runs: TableRuns, network: str) -> str:
    target = table_runs.targets[network]
    theirs = table_runs.grid.published.get((network, published.ANY_ROW, published.TARGET))
    said = table_runs.judge.said
    paper = f" (paper: {said(theirs.mean)})" if theirs else ""
    if target is None and table_runs.grid.unlike_tokens:
        return f"{network}: no target, since {table_runs.grid.unlike_tokens}"
    if target is None:
        return f"{network}: no target, since no run finished of the rows whose worst sets it{paper}"
    if target.near_chance:
        return f"{network}: {target.near_chance}{paper}"
    if table_runs.grid.target is not None:
        return f"{network}: target {said(target.value)}, as chosen{paper}"
    labels = {row.key: row.label for row in (table_runs.targets_of or table_runs).rows}
    left_out = ", ".join(labels.get(key, key) for key in target.left_out)
    gone = f"; without finished runs: {left_out}" if left_out else ""
    return f"{network}: target {said(target.value)}, the best of {labels.get(target.row, target.row)}{gone}{paper}"


def clock(grid: Grid) -> str:
    """Says what seconds are."""
    executor, device = grid.condition.executor, grid.condition.device
    if grid.card is not None:
        return f"{executor} executor, hardware {grid.card.name}: all seconds are simulated, the numerics are real"
    locks = "; recorded: readers and writers of a layer exclude each other" if grid.recorded else ""
    return (
        f"{executor} executor: real seconds of training on this machine ({device}), evaluation outside the clock{locks}"
    )


def clocks(grids: Iterable[Grid]) -> list[str]:
    """Clocks of all tables, each once; analyses say their own."""
    return list(dict.fromkeys(map(clock, grids)))


def caveats(table_runs: TableRuns) -> Iterator[str]:
    """Sentences that qualify a table wherever it is shown: scale, clock, hardware, whatever was chosen."""
    grid, data = table_runs.grid, table_runs.grid.other_data.removesuffix(": not the paper's data")
    if grid.scale != "paper":
        yield f"At scale {grid.size} no number is the paper's: {data or 'less data, narrower networks'}."
    elif data:
        yield f"Data: {data}."
    if others := made_elsewhere([table_runs]):
        yield others
    yield from _forms(table_runs)
    hardware = grid.cells[0].runs[0].spec.hardware
    if grid.card is not None:
        yield f"Hardware {grid.card.name}: {grid.card.title}."
        if absent := "; ".join(absence.label for absence in grid.card.absent):
            yield f"Absent, in simulated seconds of a run: {absent}. An absent device begins nothing; others may wait."
    else:
        many = f"{hardware.cores} cores" if hardware.gpus is None else f"{hardware.gpus} of them, a run on one"
        yield f"Hardware: {hardware.name}, {many}."
    yield from _precision_notes(grid)
    yield from (*grid.remarks, *grid.cautions)
    if grid.unlike_tokens:
        yield f"Not ranked: {grid.unlike_tokens}."
    yield from _shards(grid)
    yield from _drains(grid)
    yield from _evaluations(grid)
    yield from renamed(grid.rows)
    yield from _same_numbers(table_runs)
    yield from _drops(table_runs)
    yield from _silent(table_runs)
    yield from _remainders(grid)


def notes(table_runs: TableRuns) -> Iterator[str]:
    """Further notes on a table."""
    grid = table_runs.grid
    yield from trained_as_others(grid.runs)
    yield from _departures(grid)
    if grid.card is not None:
        yield from _price_notes(grid, grid.card)
        if (gpu := grid.cells[0].runs[0].spec.gpu) is not None:
            yield f"The numerics were computed on {gpu}."
    yield "Devices: " + "; ".join(_devices(grid)) + "."
    if grid.scale != "paper" and any(row.batch for row in grid.rows):
        work = grid.works[grid.networks[0]]
        yield f"A row's batch is the published one; at this scale {work.price_batch} stands for {work.batch} samples."
    for row in grid.rows:
        if row.note:
            yield f"{row.label}: {row.note}."
    if need(grid.table.measures, "target"):
        yield (
            f"A target is the best {table_runs.judge.title} of the worst row, rounded towards the worse over its "
            "seeds, unless --target sets one."
        )
    yield f"{table_runs.judge.title.capitalize()} is on the test set."
    if any(cell.work.validation is not None for cell in grid.cells):
        yield (
            "Runs with a validation split are stopped early by it. A best value is the best on the test set, as in the "
            "papers; at best validation it is the test set's at the evaluation that validation chose."
        )
    yield from table_runs.table.notes


def _forms(table_runs: TableRuns) -> Iterator[str]:
    """Yields the form of the data, where it is not the published one."""
    labels = [record.labels for record in table_runs.used] or [run.labels for run in table_runs.grid.runs]
    embedded = table_runs.grid.cells[0].work.card.embedded
    seen = {label.data_label for label in labels} if not embedded else set[str]()
    for label in sorted(seen - {"", table_runs.grid.other_data}):
        yield f"Data: {label}."


def _shards(grid: Grid) -> Iterator[str]:
    """Says what shards are, where devices have any."""
    alphas = sorted({cell.work.shards.alpha for cell in grid.cells} - {None}, key=lambda alpha: alpha or 0)
    if alphas:
        over = "labels" if grid.cells[0].work.tokens is None else "ten blocks of the text"
        yield (
            f"Each device that asks for batches has a shard of the data of its own, by Dirichlet("
            f"{', '.join(f'{alpha:g}' for alpha in alphas)}) over {over}. All devices make the steps that they make "
            "without shards: a small shard is gone through more often. A row of one device has all data."
        )


def _drains(grid: Grid) -> Iterator[str]:
    """Yields a note where workers are drained within epochs, for checkpoints."""
    for every in sorted({cell.work.drain_every for cell in grid.cells} - {None}, key=lambda every: every or 0):
        yield (
            f"Within an epoch all workers are drained after every {every} batches (rounded up to equal shares of "
            "replicas), for checkpoints: an asynchronous method then has nothing in flight, as at the end of an epoch."
        )


def _evaluations(grid: Grid) -> Iterator[str]:
    """Says when runs are evaluated, where that is not once in each epoch."""
    for every in sorted({cell.work.evaluate_every for cell in grid.cells} - {Fraction(1)}):
        also = "the schedule of the learning rate and the patience of early stopping count epochs all the same"
        if every > 1:
            yield f"Evaluated every {every} epochs, and after the last; {also}."
        else:
            yield (
                f"Evaluated {every.denominator} times in each epoch, where all workers are drained as at its end (the "
                "share of its batches rounded up to equal shares of replicas): an asynchronous method then has nothing "
                f"in flight, so that its curve is not that of runs that are evaluated once an epoch; {also}."
            )


def _drops(table_runs: TableRuns) -> Iterator[str]:
    """Notes on runs that left gradients unused, as their method declared."""
    for row in table_runs.rows:
        ends = [
            record.evaluations[-1]
            for net in table_runs.networks
            for record in table_runs.of(net, row.key)
            if record.evaluations
        ]
        dropped = sum(end.metrics.get("dropped_gradients", 0.0) for end in ends)
        if dropped:
            batches = sum(end.step for end in ends)
            yield (
                f"{row.label} left {dropped:,.0f} gradients of single layers unapplied, as the method declares, in "
                f"{batches:,} batches in all."
            )


def _same_numbers(table_runs: TableRuns) -> Iterator[str]:
    """Notes on rows that differ in name and in nothing measured but seconds."""
    said: dict[tuple[str, ...], list[str]] = {}
    for network in table_runs.networks:
        alike: dict[tuple[object, ...], dict[frozenset[str], str]] = {}
        for row in table_runs.rows:
            if records := table_runs.complete(network, row.key):
                ids = frozenset(record.id for record in records)
                alike.setdefault(_numbers(records), {}).setdefault(ids, row.label)
        for rows in alike.values():
            if len(rows) > 1:
                said.setdefault(tuple(rows.values()), []).append(network)
    for labels, networks in said.items():
        yield (
            f"The same losses to the last digit ({', '.join(networks)}), in each evaluation of each seed: "
            f"{'; '.join(labels)}."
        )


def _numbers(records: Sequence[Record]) -> tuple[object, ...]:
    """Losses of each seed, and what it is judged by, evaluation by evaluation."""
    names = dict.fromkeys(("train_loss", "loss", *(record.judge.metric for record in records)))
    return tuple(
        (record.seed, tuple(tuple(one.metrics.get(name) for name in names) for one in record.evaluations))
        for record in sorted(records, key=lambda record: record.seed)
    )


def _remainders(grid: Grid) -> Iterator[str]:
    """Says which share of an epoch's samples fills no batch on every device."""
    left: dict[str, dict[str, None]] = {}
    for cell in grid.cells:
        if share := _left_out(cell.work, cell.runs[0].data, cell.method.trained_replicas):
            left.setdefault(share, {})[cell.row.label] = None
    if left:
        said = "; ".join(f"{share} by {', '.join(labels)}" for share, labels in left.items())
        yield f"Samples that fill no batch are left out of an epoch, and of its training time: {said}."


def _left_out(work: Workload, known: DataCard, devices: int) -> str:
    """Share of an epoch's samples that is left out, and why; "" for none."""
    together, (samples, _) = work.batch * devices, work.samples_of(known)
    batches = f"batches of {work.batch}" + (f" x {devices} devices" if devices > 1 else "")
    if samples is None:
        return ""
    return f"{100 * (samples % together) / samples:.2g} % ({batches})" if samples % together else ""


def _departures(grid: Grid) -> Iterator[str]:
    swept = tuple(f"{key} " for key in grid.swept)
    per_network = {}
    for network, work in grid.works.items():
        paper = data_card(work.family)
        other = grid.data.unlike(paper) if work.dataset == work.family else ""  # other images by the paper's card
        said = [*([f"data: {other}"] if other else []), *work.departures]
        per_network[network] = [words for words in said if not (swept and words.startswith(swept))]
    shared = [
        words for words in next(iter(per_network.values())) if all(words in said for said in per_network.values())
    ]
    if shared:
        yield f"Departs from the paper scale in: {'; '.join(shared)}."
    for network, said in per_network.items():
        if own := [words for words in said if words not in shared]:
            yield f"{network} also in: {'; '.join(own)}."


def _price_notes(grid: Grid, card: Card) -> Iterator[str]:
    if card.remarks:
        yield f"{card.name}: {' '.join(card.remarks)}"
    rate = f"at {card.flops_per_second / 1e12:.3g} TFLOP/s"
    for network, work in grid.works.items():
        known = card.seconds_of(network, family=work.family, stem=work.charged_stem)
        if work.price == "flops":
            yield f"{network} is charged by its own FLOPs {rate}."
        elif known is not None and (grid.scale != "paper" or known.effects is not None):
            yield f"Each step of {network} is charged the seconds of {known.what}."
        elif known is None:
            yield f"{network} has no published seconds: a step is charged the FLOPs of the paper's network {rate}."
    if any("stem" in row.workload for row in grid.rows):
        yield f"Rows with another stem are charged the FLOPs of the paper's network with that stem {rate}."
    if {"sent_megabytes", "megabytes_to_target", "at_equal_bytes"} & set(grid.table.measures):
        yield "Bytes are those of the network whose seconds are charged."
    moved = (cell for cell in grid.cells if cell.method.devices > cell.method.replicas)
    if card.link != Costs() and any(cell.work.activations == "free" for cell in moved):
        yield (
            "A batch's activations go to a backward worker on another device for free, as the published seconds "
            "have it; --set workload.activations=charged charges their bytes over the link (`audit-activations`)."
        )


def _precision_notes(grid: Grid) -> Iterator[str]:
    """Says what does not follow a precision other than float32."""
    lower = sorted({cell.work.precision for cell in grid.cells} - {"float32"})
    if lower and grid.card is not None:
        yield f"Computed in {', '.join(lower)}: simulated seconds and the peak of MFU stay the card's all the same."
    elif lower and "model_flops_utilisation_percent" in grid.table.measures:
        yield f"Computed in {', '.join(lower)}; `calibrate` measured the peak of MFU in float32."


def _devices(grid: Grid) -> Iterator[str]:
    seen: dict[str, dict[str, None]] = {}
    for run in grid.runs:
        seen.setdefault(run.labels.devices, {})[run.labels.method_title] = None
    named = any("devices" in row.options for row in grid.rows)  # then a row's name says it
    for devices, titles in seen.items():
        yield f"{devices} for {f'{len(titles)} rows' if named else ', '.join(titles)}"
