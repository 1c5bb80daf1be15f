"""Of what condition an output is: what was chosen, in the words of `results.tables.condition`, and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from benchmarks.analyses import registry as analyses
from benchmarks.analyses.definition import Analysis
from benchmarks.hardware import cards
from benchmarks.hardware.card import Card
from benchmarks.runner import environment, plan, seeds
from benchmarks.runner.choices import Choices
from benchmarks.runner.identity import hardware_of
from benchmarks.tables.definition import Table
from benchmarks.views.sheets import Sheet, whole
from results.frames import card, commit, torch
from results.measures import need
from results.records import Record
from results.records.spec import HardwareSpec
from results.tables import Conditions, ResultTable, RunCondition


def of_sheet(sheet: Sheet) -> Conditions:
    """Of a table, with what was found."""
    asked = sheet.asked or sheet.choices
    goals = {net: goal.percent for net in sheet.networks if (goal := sheet.goal_of(net)) is not None}
    targets = goals if need(sheet.table.measures, "target") else {}
    given = of_table(sheet.table, asked, sheet.target)
    return replace(found([sheet], given), settings=_settings(sheet.table, asked), targets=targets)


def found(sheets: Sequence[Sheet], given: RunCondition) -> Conditions:
    """A condition, with the runs that sheets of it have."""
    records = list({record.id: record for sheet in sheets for record in sheet.used}.values())
    there = {record.seed for record in records} or {seed for sheet in sheets for seed in sheet.choices.seeds}
    said = {name: getattr(given, name) for name in RunCondition.__dataclass_fields__}
    return Conditions(
        **said,
        seeds=tuple(sorted(there)),
        runs=len(records),
        torch=tuple(sorted({torch(record) for record in records} - {""})),
        commits=tuple(sorted({commit(record) for record in records} - {""})),
        cards=tuple(sorted({card(record) for record in records})),
        data=_data(records),
    )


def _data(records: Iterable[Record]) -> dict[str, str]:
    """Label of a data set -> its fingerprint."""
    works = {record.labels.data_label or record.spec.workload.dataset: record.spec.workload for record in records}
    return {label: work.dataset_sha256 for label, work in sorted(works.items())}


def of_table(table: Table, chosen: Choices, target: float | None = None) -> RunCondition:
    """What a table's output is named by."""
    return _condition(chosen, plan.card_of(table, chosen), tuple(_selection(table, chosen, target)))


def of_choices(chosen: Choices, target: float | None = None) -> RunCondition:
    """Of what shows many tables, such as the claims: the hardware is each table's own, unless --hardware says which."""
    selection = tuple(_selection(None, chosen, target))
    if chosen.kind.needs_card and chosen.card is None:
        return RunCondition(chosen.scale, chosen.executor, "", chosen.device, "", selection)
    return _condition(chosen, chosen.card, selection)


def of_analysis(one: Analysis, chosen: Choices, made: Sequence[ResultTable]) -> Sequence[ResultTable]:
    """The tables of an analysis, each with what was chosen; where it says nothing of torch and commit, those here."""
    words = tuple(_selection(one, chosen, None))
    settings, here = _settings(one, chosen), environment.checkout()
    return [
        replace(
            table,
            conditions=replace(
                table.conditions,
                selection=words,
                settings=settings,
                torch=table.conditions.torch or (environment.package("torch"),),
                commits=table.conditions.commits or ((here,) if here else ()),
            ),
        )
        for table in made
    ]


def _condition(chosen: Choices, shared: Card | None, selection: tuple[str, ...]) -> RunCondition:
    hardware = hardware_of(shared, chosen.gpus if shared is None else None, chosen.node)
    mark = _mark(hardware, shared)
    return RunCondition(chosen.scale, chosen.executor, hardware.name, chosen.device, mark, selection)


def _mark(hardware: HardwareSpec, shared: Card | None) -> str:
    """How many there are of real hardware; the beginning of the digest of a card that is not one of ours."""
    if shared is None:
        return f"x{hardware.gpus or hardware.cores}"
    ours = shared.name in cards.names() and cards.load(shared.name).sha256 == shared.sha256
    return "" if ours else hardware.sha256[:6]


def _selection(one: Table | Analysis | None, chosen: Choices, target: float | None) -> Iterator[str]:
    """A word for each choice that is not the default and that this experiment knows; of many, for all."""
    if chosen.methods and _leaves_out(one, chosen):
        yield "+".join(sorted(chosen.methods))
    if chosen.plugin_methods:
        yield f"with-{'+'.join(sorted(chosen.plugin_methods))}"
    if chosen.networks and not (isinstance(one, Table) and plan.networks(one, chosen) == one.networks):
        yield "+".join(sorted(chosen.networks))
    if isinstance(one, Analysis) and chosen.card is not None:
        yield chosen.card.name
    if not chosen.any_seed and chosen.seeds != Choices.seeds:
        yield seeds.slug(chosen.seeds)
    yield from ["recorded"] if chosen.record else []
    yield from [] if chosen.alias else ["no-alias"]
    yield from [f"target-{target:g}"] if target is not None else []
    yield from (f"{name}={value}" for name, value in sorted(_settings(one, chosen).items()))


def _leaves_out(one: Table | Analysis | None, chosen: Choices) -> bool:
    """Whether --method changes which rows there are."""
    if not isinstance(one, Table):
        return True
    return {row.key for row in plan.rows(one, chosen)} != {row.key for row in plan.rows(one, whole(chosen))}


def _settings(one: Table | Analysis | None, chosen: Choices) -> dict[str, str]:
    """What was set of an experiment: nothing of methods that it has not; of none, all."""
    known = [owner for owner in chosen.settings if one is None or _knows(one, owner, chosen)]
    said = {f"{owner}.{key}": value for owner in known for key, value in chosen.settings[owner].items()}
    if chosen.own.data is not None:  # its card says all of it, unless a part was asked for
        said = {name: value for name, value in said.items() if name not in _OF_A_CARD or value != "none"}
    swept = [sweep for sweep in chosen.sweeps if one is None or _knows(one, sweep.owner, chosen)]
    return {**said, **{sweep.name: sweep.text for sweep in swept}}


_OF_A_CARD = ("workload.train_samples", "workload.test_samples", "workload.resolution")


def _knows(one: Table | Analysis, owner: str, chosen: Choices) -> bool:
    if isinstance(one, Analysis):
        return owner != "workload" and (owner == one.id or owner not in analyses.IDS)
    return owner == "workload" or owner in {row.method for row in plan.rows(one, chosen)}
