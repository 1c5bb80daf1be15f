"""What stands above and below a table: what one has to know to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from benchmarks.hardware.card import Card, Costs
from benchmarks.runner import plan, seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.settings import renamed, row_method, row_workload
from benchmarks.tables.definition import Table
from benchmarks.views.sheets import Sheet, made_elsewhere
from benchmarks.workloads.data.cards import DataCard
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.workload import Workload
from results import published
from results.measures import need
from results.records import Record


def captions(sheet: Sheet) -> Iterator[str]:
    yield f"scale {sheet.choices.scale}; {clock(sheet.choices, sheet.card)}; {seeds.words(sheet.choices.seeds)}"
    for network in sheet.networks:
        if need(sheet.table.measures, "target"):
            yield _target_line(sheet, network)


def _target_line(sheet: Sheet, network: str) -> str:
    target = sheet.target_of(network)
    theirs = sheet.published.get((network, published.ANY_ROW, published.TARGET))
    paper = f" (paper: {theirs.mean:g} %)" if theirs else ""
    if target is None:
        return f"{network}: no target, since no run finished of the rows whose worst sets it{paper}"
    if target.near_chance:
        return f"{network}: {target.near_chance}{paper}"
    if sheet.target is not None:
        return f"{network}: target {target.percent:g} % by --target{paper}"
    gone = f"; without finished runs: {', '.join(target.left_out)}" if target.left_out else ""
    return f"{network}: target {target.percent:g} %, the best of {target.row}{gone}{paper}"


def clock(choices: Choices, card: Card | None) -> str:
    """What seconds are."""
    if card is not None:
        return f"{choices.executor} executor, hardware {card.name}: all seconds are simulated, the numerics are real"
    where = f"on this machine ({choices.device})"
    locks = "; recorded: readers and writers of a layer exclude each other" if choices.record else ""
    return f"{choices.executor} executor: real seconds of training {where}, evaluation outside the clock{locks}"


def clocks(experiments: Sequence[object], choices: Choices) -> list[str]:
    """Those of all tables, each once; analyses say their own."""
    found = [clock(choices, plan.card_of(one, choices)) for one in experiments if isinstance(one, Table)]
    return list(dict.fromkeys(found))


def caveats(sheet: Sheet) -> Iterator[str]:
    """What qualifies the table wherever it is shown, a line each: scale, clock and hardware, whatever was chosen."""
    if sheet.choices.scale != "paper":
        yield f"At scale {sheet.choices.scale} no number is the paper's: other data or less of it, narrower networks."
    if others := made_elsewhere([sheet]):
        yield others
    yield from _forms(sheet)
    hardware = sheet.planned[0].spec.hardware
    if sheet.card is not None:
        yield f"Hardware {sheet.card.name}: {sheet.card.title}."
    else:
        many = f"{hardware.cores} cores" if hardware.gpus is None else f"{hardware.gpus} of them, a run on one"
        yield f"Hardware: {hardware.name}, {many}."
    yield from _precision_notes(sheet)
    for owner, options in sheet.choices.settings.items():
        yield f"Set: {', '.join(f'{owner}.{key}={value}' for key, value in options.items())}."
    for sweep in sheet.choices.sweeps:
        yield f"Swept: {sweep.name} over {', '.join(sweep.values)}."
    yield from warm_ups(sheet.planned, sheet.choices)
    yield from _drains(sheet)
    yield from _evaluations(sheet)
    yield from renamed(sheet.rows)
    yield from _same_numbers(sheet)
    yield from _drops(sheet)
    yield from _remainders(sheet)


def notes(sheet: Sheet) -> Iterator[str]:
    """What else there is to know of it."""
    yield from plan.trained_as_others(sheet.planned)
    yield from _departures(sheet)
    if sheet.card is not None:
        yield from _price_notes(sheet, sheet.card)
        if (gpu := sheet.planned[0].spec.gpu) is not None:
            yield f"The numerics were computed on {gpu}."
    yield "Devices: " + "; ".join(_devices(sheet)) + "."
    if sheet.choices.scale != "paper" and any(row.batch for row in sheet.rows):
        work = plan.table_workload(sheet.table, sheet.networks[0], sheet.choices)
        yield f"A row's batch is the published one; at this scale {work.price_batch} stands for {work.batch} samples."
    for row in sheet.rows:
        if row.note:
            yield f"{row.label}: {row.note}."
    if need(sheet.table.measures, "target"):
        yield "A target is the best accuracy of the worst row, rounded down over its seeds, unless --target sets one."
    yield "Accuracy is on the test set."
    yield from sheet.table.notes


def _forms(sheet: Sheet) -> Iterator[str]:
    """Which data it was, where it is not in its published form."""
    labels = [record.labels for record in sheet.used] or [run.labels for run in sheet.planned]
    embedded = data_card(sheet.planned[0].work.dataset).embedded
    seen = {label.data_label for label in labels} if not embedded else set[str]()
    for label in sorted(seen - {""}):
        yield f"Data: {label}."


def _drains(sheet: Sheet) -> Iterator[str]:
    """Where workers are drained within epochs, for checkpoints."""
    for every in sorted({run.work.drain_every for run in sheet.planned} - {None}, key=lambda every: every or 0):
        yield (
            f"Within an epoch all workers are drained after every {every} batches (rounded up to equal shares of "
            "replicas), for checkpoints: an asynchronous method then has nothing in flight, as at the end of an epoch."
        )


def _evaluations(sheet: Sheet) -> Iterator[str]:
    """When runs are evaluated, where that is not once in each epoch."""
    for every in sorted({run.work.interval for run in sheet.planned} - {Fraction(1)}):
        also = "the schedule of the learning rate and the patience of early stopping count epochs all the same"
        if every > 1:
            yield f"Evaluated every {every} epochs, and after the last; {also}."
        else:
            yield (
                f"Evaluated {every.denominator} times in each epoch, where all workers are drained as at its end (the "
                "share of its batches rounded up to equal shares of replicas): an asynchronous method then has nothing "
                f"in flight, so that its accuracies are not those of runs that are evaluated once an epoch; {also}."
            )


def _drops(sheet: Sheet) -> Iterator[str]:
    """Of runs that left gradients unused, as their method declared."""
    for row in sheet.rows:
        ends = [
            record.evaluations[-1] for net in sheet.networks for record in sheet.of(net, row.key) if record.evaluations
        ]
        dropped = sum(end.metrics.get("dropped_gradients", 0.0) for end in ends)
        if dropped:
            batches = sum(end.step for end in ends)
            yield f"{row.label} dropped {dropped:,.0f} gradients of its layers over {batches:,} batches."


def _same_numbers(sheet: Sheet) -> Iterator[str]:
    """Notes on rows that differ in name and in nothing measured but seconds."""
    said: dict[tuple[str, ...], list[str]] = {}
    for network in sheet.networks:
        alike: dict[tuple[object, ...], dict[frozenset[str], str]] = {}
        for row in sheet.rows:
            if records := sheet.complete(network, row.key):
                ids = frozenset(record.id for record in records)
                alike.setdefault(_numbers(records), {}).setdefault(ids, row.label)
        for rows in alike.values():
            if len(rows) > 1:
                said.setdefault(tuple(rows.values()), []).append(network)
    for labels, networks in said.items():
        yield (
            f"The same losses and accuracies to the last digit ({', '.join(networks)}), in each evaluation of each "
            f"seed: {'; '.join(labels)}."
        )


def _numbers(records: Sequence[Record]) -> tuple[object, ...]:
    """Losses and accuracies of each seed, evaluation by evaluation."""
    names = ("train_loss", "loss", "accuracy_percent")
    return tuple(
        (record.seed, tuple(tuple(one.metrics.get(name) for name in names) for one in record.evaluations))
        for record in sorted(records, key=lambda record: record.seed)
    )


def _remainders(sheet: Sheet) -> Iterator[str]:
    """What of an epoch's samples does not fill a batch on every device."""
    left: dict[str, dict[str, None]] = {}
    for network in sheet.networks:
        for row in sheet.rows:
            work = row_workload(sheet.table, network, row, sheet.choices.scale, sheet.choices.settings)
            devices = row_method(sheet.table, row, sheet.choices.settings).replicas
            if share := _left_out(work, sheet.planned[0].data, devices):
                left.setdefault(share, {})[row.label] = None
    if left:
        said = "; ".join(f"{share} by {', '.join(labels)}" for share, labels in left.items())
        yield f"Samples that fill no batch are left out of an epoch, and of its training time: {said}."


def _left_out(work: Workload, known: DataCard, devices: int) -> str:
    """How many of an epoch's, and why; "" for none."""
    together = work.batch * devices
    batches = f"batches of {work.batch}" + (f" x {devices} devices" if devices > 1 else "")
    samples = work.train_samples or known.train_samples
    return f"{100 * (samples % together) / samples:.2g} % ({batches})" if samples % together else ""


def _departures(sheet: Sheet) -> Iterator[str]:
    swept = tuple(f"{sweep.key} " for sweep in sheet.choices.sweeps if sweep.owner == "workload")
    per_network = {}
    for network in sheet.networks:
        said = [*_other_folder(sheet), *plan.table_workload(sheet.table, network, sheet.choices).departures]
        per_network[network] = [words for words in said if not (swept and words.startswith(swept))]
    shared = [
        words for words in next(iter(per_network.values())) if all(words in said for said in per_network.values())
    ]
    if shared:
        yield f"Departs from the paper scale in: {'; '.join(shared)}."
    for network, said in per_network.items():
        if own := [words for words in said if words not in shared]:
            yield f"{network} also in: {'; '.join(own)}."


def _other_folder(sheet: Sheet) -> Iterator[str]:
    """The paper's data set by its card, and other images."""
    work = sheet.planned[0].work
    if work.dataset == work.family and (other := sheet.planned[0].data.unlike(data_card(work.family))):
        yield f"data: {other}"


def _price_notes(sheet: Sheet, card: Card) -> Iterator[str]:
    if card.remarks:
        yield f"{card.name}: {' '.join(card.remarks)}"
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
    yield from _moved(sheet, card)


def _moved(sheet: Sheet, card: Card) -> Iterator[str]:
    """Of batches whose backward pass is on another device than their forward pass, where links cost anything."""
    if card.link == Costs():
        return
    chosen = sheet.choices
    for row in sheet.rows:
        method = row_method(sheet.table, row, chosen.settings)
        work = row_workload(sheet.table, sheet.networks[0], row, chosen.scale, chosen.settings)
        if method.devices > method.replicas and work.activations == "free":
            yield (
                "A batch's activations go to a backward worker on another device for free, as the published seconds "
                "have it; --set workload.activations=charged charges their bytes over the link (`audit-activations`)."
            )
            return


def _precision_notes(sheet: Sheet) -> Iterator[str]:
    """What does not follow the precision where it is no float32."""
    lower = sorted({run.work.precision for run in sheet.planned} - {"float32"})
    if lower and sheet.card is not None:
        yield f"Computed in {', '.join(lower)}: simulated seconds and the peak of MFU stay the card's all the same."
    elif lower and "model_flops_utilisation_percent" in sheet.table.measures:
        yield f"Computed in {', '.join(lower)}; `calibrate` measured the peak of MFU in float32."


def _devices(sheet: Sheet) -> Iterator[str]:
    seen: dict[str, dict[str, None]] = {}
    for run in sheet.planned:
        seen.setdefault(run.labels.devices, {})[run.labels.method_title] = None
    named = any("devices" in row.options for row in sheet.rows)  # then a row's name says it
    for devices, titles in seen.items():
        yield f"{devices} for {f'{len(titles)} rows' if named else ', '.join(titles)}"


def warm_ups(runs: Sequence[Run], chosen: Choices) -> Iterator[str]:
    """Where a learning rate was set and that of the warm-up was not: what the latter is then, beside it."""
    given = {*chosen.settings.get("workload", {}), *(one.key for one in chosen.sweeps if one.owner == "workload")}
    given |= {key for key in ("schedule.lr", "schedule.warm_up_lr") if any(f"{key}=" in row for row in chosen.methods)}
    if "schedule.lr" not in given or "schedule.warm_up_lr" in given:
        return
    schedules = dict.fromkeys(run.work.schedule for run in runs if run.work.schedule.warm_up_epochs)
    pairs = dict.fromkeys((one.warm_up_lr, one.lr) for one in schedules)
    said = ", ".join(f"{warm:g} is {warm / rate:.3g} times {rate:g}" for warm, rate in pairs)
    if said:
        yield (
            f"The learning rate was set, that of the warm-up was not, and stays what it was: {said}. "
            "Set workload.schedule.warm_up_lr as well."
        )
