"""Sentences above and below a table: `captions` above it, `caveats` wherever it is shown, `notes` in full only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from fractions import Fraction

from benchmarks.hardware.card import Card, Costs
from benchmarks.runner import seeds
from benchmarks.runner.grid import Grid, GridRow
from benchmarks.runner.plan import trained_as_others
from benchmarks.views.table_runs import FEW, TableRuns, made_elsewhere
from benchmarks.workloads.data.cards import card as data_card
from results import published
from results.measures import MEASURES, need
from results.records import Record


def captions(table_runs: TableRuns) -> Iterator[str]:
    """Yields scale, clock and seeds, then targets and budgets of each network."""
    yield f"scale {table_runs.grid.size}; {clock(table_runs.grid)}; {seeds.words(table_runs.seeds)}"
    for network in table_runs.networks:
        if need(table_runs.table.measures, "target"):
            yield _target_line(table_runs, network)
        if budgets := ", ".join(_budgets(table_runs, network)):
            yield f"{network}: compared at equal {budgets}"


def _budgets(table_runs: TableRuns, network: str) -> Iterator[str]:
    """Yields "samples 6,400 (all of DDP)" for each budget that the table compares rows at."""
    labels = {row.key: row.label for row in table_runs.rows}
    for what, (most, key) in table_runs.budgets(network).items():
        if need(table_runs.table.measures, what):
            size = {"samples": f"{most:,.0f}", "seconds": f"{most:.4g}", "bytes": f"{most / 1e6:.4g} MB"}[what]
            yield f"{what} {size} (all of {labels.get(key, key)})"


def _target_line(table_runs: TableRuns, network: str) -> str:
    target, grid, say = table_runs.targets[network], table_runs.grid, table_runs.judge.with_unit
    printed = grid.published.get((network, published.ANY_ROW, published.TARGET))
    paper = f" (paper: {say(printed.mean)})" if printed else ""
    if target is None and grid.unlike_tokens:
        return f"{network}: no target, since {grid.unlike_tokens}"
    if target is None:
        return f"{network}: no target, since no run finished of the rows whose worst sets it{paper}"
    if target.near_chance:
        return f"{network}: {target.near_chance}{paper}"
    if grid.target is not None:
        return f"{network}: target {say(target.value)}, as chosen{paper}"
    labels = {row.key: row.label for row in (table_runs.targets_of or table_runs).rows}
    left_out = ", ".join(labels.get(key, key) for key in target.left_out)
    unfinished = f"; without finished runs: {left_out}" if left_out else ""
    return f"{network}: target {say(target.value)}, the best of {labels.get(target.row, target.row)}{unfinished}{paper}"


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


def caveats(table_runs: TableRuns) -> list[str]:
    """Returns what qualifies a table wherever it is shown: scale, clock, hardware, whatever was chosen."""
    grid = table_runs.grid
    return [
        *filter(None, (_scale(grid), made_elsewhere([table_runs]))),
        *_forms(table_runs),
        *_hardware(grid),
        *processors(
            (row.label, record)
            for network in table_runs.networks
            for row in table_runs.rows
            for record in table_runs.of(network, row.key)
        ),
        *grid.remarks,
        *grid.cautions,
        *([f"Not ranked: {grid.unlike_tokens}."] if grid.unlike_tokens else []),
        *_shards(grid),
        *_evaluations(grid),
        *grid.renamed,
        *_same_numbers(table_runs),
        *_drops(table_runs),
        *_silent(table_runs),
        *_remainders(grid),
    ]


def notes(table_runs: TableRuns) -> Iterator[str]:
    """Yields further notes on a table."""
    grid, judge = table_runs.grid, table_runs.judge.title
    yield from trained_as_others(grid.runs)
    yield from _departures(grid)
    if grid.card is not None:
        yield from _price_notes(grid, grid.card)
        if (gpu := grid.cells[0].runs[0].spec.gpu) is not None:
            yield f"The numerics were computed on {gpu}."
    yield f"Devices: {'; '.join(_devices(grid))}."
    if grid.scale != "paper" and any(row.batch for row in grid.rows):
        work = grid.works[grid.networks[0]]
        yield f"A row's batch is the published one; at this scale {work.price_batch} stands for {work.batch} samples."
    yield from (f"{row.label}: {row.note}." for row in grid.rows if row.note)
    if need(grid.table.measures, "target"):
        yield (
            f"A target is the best {judge} of the worst row, rounded towards the worse over its seeds, unless --target "
            "sets one."
        )
    yield f"{judge.capitalize()} is on the test set."
    if any(cell.work.validation is not None for cell in grid.cells):
        yield (
            "Runs with a validation split are stopped early by it. A best value is the best on the test set, as in the "
            "papers; at best validation it is the test set's at the evaluation that validation chose."
        )
    yield from table_runs.table.notes


# ---- data, hardware and evaluations


def _scale(grid: Grid) -> str:
    data = grid.other_data.removesuffix(": not the paper's data")
    if grid.scale != "paper":
        return f"At scale {grid.size} no number is the paper's: {data or 'less data, narrower networks'}."
    return f"Data: {data}." if data else ""


def _forms(table_runs: TableRuns) -> list[str]:
    """Names the form of the data, where it is not the published one."""
    grid = table_runs.grid
    if grid.cells[0].work.card.embedded:
        return []
    labels = [record.labels for record in table_runs.used] or [run.labels for run in grid.runs]
    return [f"Data: {form}." for form in sorted({label.data_label for label in labels} - {"", grid.other_data})]


def _hardware(grid: Grid) -> Iterator[str]:
    hardware = grid.cells[0].runs[0].spec.hardware
    lower = ", ".join(sorted({cell.work.precision for cell in grid.cells} - {"float32"}))
    if grid.card is None:
        many = f"{hardware.cores} cores" if hardware.gpus is None else f"{hardware.gpus} of them, a run on one"
        yield f"Hardware: {hardware.name}, {many}."
        if lower and "model_flops_utilisation_percent" in grid.table.measures:
            yield f"Computed in {lower}; `calibrate` measured the peak of MFU in float32."
        return
    yield f"Hardware {grid.card.name}: {grid.card.title}."
    if absent := "; ".join(absence.label for absence in grid.card.absent):
        yield f"Absent, in simulated seconds of a run: {absent}. An absent device begins nothing; others may wait."
    if lower:
        yield f"Computed in {lower}: simulated seconds and the peak of MFU stay the card's all the same."


def processors(labelled: Iterable[tuple[str, Record]]) -> Iterator[str]:
    """Names the processors that computed rows, where runs of one network and seed were computed on several.

    CPUs of one name and known, unlike instruction sets are several.

    Args:
        labelled: the label of a row, and a run of it.
    """
    runs = [(label, record, record.environment.get("cpu_capability") or "") for label, record in labelled]
    instruction_sets: dict[str, set[str]] = {}
    for _, record, instruction_set in runs:
        instruction_sets.setdefault(record.environment.get("cpu", ""), set()).add(instruction_set)
    rows: dict[str, dict[str, None]] = {}
    of_seed: dict[tuple[str, int], set[str]] = {}
    for label, record, instruction_set in runs:
        cpu = record.environment.get("cpu", "")
        several = len(instruction_sets[cpu] - {""}) > 1
        if name := record.spec.gpu or (f"{cpu} with {instruction_set}" if several and instruction_set else cpu):
            rows.setdefault(name, {})[label] = None
            of_seed.setdefault((record.network, record.seed), set()).add(name)
    if any(len(names) > 1 for names in of_seed.values()):
        named = ", ".join(f"{name} ({_first('; ', labels)})" for name, labels in rows.items())
        yield (
            f"Rows were computed on different processors: {named}. Each rounds in its own way, so what differs between "
            "rows may be theirs."
        )


def _first(separator: str, words: Collection[str]) -> str:
    """Returns the first FEW words, and how many more there are."""
    return separator.join([*list(words)[:FEW], *([f"{len(words) - FEW} more"] if len(words) > FEW else [])])


def _shards(grid: Grid) -> Iterator[str]:
    if alphas := sorted(cell.work.shards.alpha for cell in grid.cells if cell.work.shards.alpha is not None):
        over = "labels" if grid.cells[0].work.tokens is None else "ten blocks of the text"
        yield (
            f"Each device that asks for batches has its own shard of the data, by Dirichlet("
            f"{', '.join(f'{alpha:g}' for alpha in dict.fromkeys(alphas))}) over {over}. All devices make as many "
            "steps as without shards, so a small shard is gone through more often. A row of one device has all data."
        )


def _evaluations(grid: Grid) -> Iterator[str]:
    """Says when workers are drained within epochs, and when runs are evaluated unless it is once an epoch."""
    for every in sorted({cell.work.drain_every for cell in grid.cells if cell.work.drain_every is not None}):
        yield (
            f"Within an epoch all workers are drained after every {every} batches (rounded up to equal shares of "
            "replicas), for checkpoints: an asynchronous method then has nothing in flight, as at the end of an epoch."
        )
    for share in sorted({cell.work.evaluate_every for cell in grid.cells} - {Fraction(1)}):
        also = "the schedule of the learning rate and the patience of early stopping count epochs all the same"
        if share > 1:
            yield f"Evaluated every {share} epochs, and after the last; {also}."
        else:
            yield (
                f"Evaluated {share.denominator} times in each epoch, where all workers are drained as at its end (the "
                "share of its batches rounded up to equal shares of replicas): an asynchronous method then has nothing "
                "in flight, so its curve is not that of runs that are evaluated once an epoch; "
                f"{also}."
            )


# ---- rows


def _same_numbers(table_runs: TableRuns) -> Iterator[str]:
    """Names rows that differ in name and in nothing measured but seconds."""
    networks: dict[tuple[str, ...], list[str]] = {}
    for network in table_runs.networks:
        alike: dict[tuple[object, ...], dict[frozenset[str], str]] = {}  # losses -> ids of runs -> label
        for row in table_runs.rows:
            if records := table_runs.complete(network, row.key):
                ids = frozenset(record.id for record in records)
                alike.setdefault(_losses(records), {}).setdefault(ids, row.label)
        for rows in alike.values():
            if len(rows) > 1:
                networks.setdefault(tuple(rows.values()), []).append(network)
    for labels, of in networks.items():
        yield (
            f"The same losses to the last digit ({', '.join(of)}), in each evaluation of each seed: "
            f"{'; '.join(labels)}."
        )


def _losses(records: Sequence[Record]) -> tuple[object, ...]:
    """Losses of each seed and the judged metric, evaluation by evaluation."""
    names = dict.fromkeys(("train_loss", "loss", *(record.judge.metric for record in records)))
    return tuple(
        (record.seed, tuple(tuple(point.metrics.get(name) for name in names) for point in record.evaluations))
        for record in sorted(records, key=lambda record: record.seed)
    )


def _drops(table_runs: TableRuns) -> Iterator[str]:
    for row in table_runs.rows:
        records = [record for network in table_runs.networks for record in table_runs.of(network, row.key)]
        ends = [record.evaluations[-1] for record in records if record.evaluations]
        if dropped := sum(end.metrics.get("dropped_gradients", 0.0) for end in ends):
            yield (
                f"{row.label} left {dropped:,.0f} gradients of single layers unapplied, as the method declares, in "
                f"{sum(end.step for end in ends):,} batches in all."
            )


def _silent(table_runs: TableRuns) -> Iterator[str]:
    """Names rows that are compared at equal bytes and sent none."""
    silent = []
    for row in table_runs.rows if need(table_runs.table.measures, "bytes") else ():
        records = [record for network in table_runs.networks for record in table_runs.complete(network, row.key)]
        if records and all(MEASURES["sent_megabytes"].of(record) == 0 for record in records):
            silent.append(row.label)
    if silent:
        yield f"At equal bytes, a row that sends nothing between devices has its last value: {', '.join(silent)}."


def _remainders(grid: Grid) -> Iterator[str]:
    """Says which share of an epoch's samples fills no batch on every device."""
    rows: dict[str, dict[str, None]] = {}
    for cell in grid.cells:
        if share := _left_out(cell):
            rows.setdefault(share, {})[cell.row.label] = None
    if rows:
        shares = "; ".join(f"{share} by {', '.join(labels)}" for share, labels in rows.items())
        yield f"Samples that fill no batch are left out of an epoch, and of its training time: {shares}."


def _left_out(cell: GridRow) -> str:
    """'0.16 % (batches of 128 x 2 devices)'; "" for none."""
    batch, devices = cell.work.batch, cell.method.trained_replicas
    samples, _ = cell.work.samples_of(cell.runs[0].data)
    if samples is None or not samples % (batch * devices):
        return ""
    batches = f"batches of {batch}" + (f" x {devices} devices" if devices > 1 else "")
    return f"{100 * (samples % (batch * devices)) / samples:.2g} % ({batches})"


def _devices(grid: Grid) -> Iterator[str]:
    titles: dict[str, dict[str, None]] = {}
    for run in grid.runs:
        titles.setdefault(run.labels.devices, {})[run.labels.method_title] = None
    in_labels = any("devices" in row.options for row in grid.rows)
    for devices, rows in titles.items():
        yield f"{devices} for {f'{len(rows)} rows' if in_labels else ', '.join(rows)}"


# ---- the paper's setting


def _departures(grid: Grid) -> Iterator[str]:
    """Says what differs from the paper's scale, first on all networks."""
    swept = tuple(f"{key} " for key in grid.swept)
    per_network = {}
    for network, work in grid.works.items():
        other = grid.data.unlike(data_card(work.family)) if work.dataset == work.family else ""
        departures = [*([f"data: {other}"] if other else []), *work.departures]
        per_network[network] = [text for text in departures if not (swept and text.startswith(swept))]
    first, *others = per_network.values()
    shared = [text for text in first if all(text in departures for departures in others)]
    if shared:
        yield f"Departs from the paper scale in: {'; '.join(shared)}."
    for network, departures in per_network.items():
        if own := [text for text in departures if text not in shared]:
            yield f"{network} also in: {'; '.join(own)}."


def _price_notes(grid: Grid, card: Card) -> Iterator[str]:
    """Says what simulated seconds and bytes are charged by."""
    if card.remarks:
        yield f"{card.name}: {' '.join(card.remarks)}"
    rate = f"at {card.flops_per_second / 1e12:.3g} TFLOP/s"
    for network, work in grid.works.items():
        seconds = card.seconds_of(network, family=work.family, stem=work.charged_stem)
        if work.price == "flops":
            yield f"{network} is charged by its own FLOPs {rate}."
        elif seconds is None:
            yield f"{network} has no published seconds: a step is charged the FLOPs of the paper's network {rate}."
        elif grid.scale != "paper" or seconds.effects is not None:
            yield f"Each step of {network} is charged the seconds of {seconds.what}."
    if any("stem" in row.workload for row in grid.rows):
        yield f"Rows with another stem are charged the FLOPs of the paper's network with that stem {rate}."
    if {"sent_megabytes", "megabytes_to_target", "at_equal_bytes"} & set(grid.table.measures):
        yield "Bytes are those of the network whose seconds are charged."
    moved = [cell for cell in grid.cells if cell.method.devices > cell.method.replicas]
    if card.link != Costs() and any(cell.work.activations == "free" for cell in moved):
        yield (
            "A batch's activations go to a backward worker on another device for free, as the published seconds "
            "have it; --set workload.activations=charged charges their bytes over the link (`audit-activations`)."
        )
