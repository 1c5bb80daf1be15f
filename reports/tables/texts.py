"""Writes values as texts, alike in every renderer."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

from results.measures import Measure
from results.published import Published
from results.statistics import Summary
from results.statistics.inference import weak
from results.statistics.resolution import summary_interval
from results.tables import Glance, GlanceLine, GlanceValue, ResultCell, ResultRow, ResultTable

Part = Literal["published", "measured", "interval", "n", "ratio"]
"""The parts of a measure that columns show."""
PARTS: tuple[Part, ...] = get_args(Part)
BLANK = "–"
MOST_DECIMALS = 6
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~&])")
_SIGNS = {"": "", "at least": "≥ ", "at most": "≤ "}
RESOLUTION = "Found at evaluations, so too high by up to: {}."
BOUNDS = "≤, ≥: a bound, since runs never arrived, or all at the first evaluation."
UNBOUNDED = "Speed-up –: both rows were there at their first evaluation, or runs of both never."
CENSORED = "{}: so many have a value; > is a lower bound."


def part_text(cell: ResultCell, measure: Measure, part: Part, n: int | None = None) -> str:
    """Returns the text of one part of a cell. n: the number of runs that the legend states, left out here."""
    match part:
        case "published":
            return published_text(cell.published, measure)
        case "measured":
            return measured_text(cell, measure, n=n)
        case "interval":
            return interval_text(cell, measure)
        case "n":
            return str(cell.measured.n) if cell.measured is not None else BLANK
        case "ratio":
            return ratio_text(cell)


def published_text(value: Published | None, measure: Measure) -> str:
    """Returns a published value as '226.4 ± 10', with the paper's own digits in the standard deviation."""
    if value is None:
        return BLANK
    mean = f"{value.mean:.{measure.digits}f}"
    if value.std is None:
        return mean
    return f"{mean} ± {value.std:g}" if measure.std_digits is None else f"{mean} ± {value.std:.{measure.std_digits}f}"


def measured_text(cell: ResultCell, measure: Measure, letter: str = "", n: int | None = None) -> str:
    """Returns 'mean ± std', without std for one run; '> 12 (2/3)' where runs are censored. letter: of a footnote.

    With another number of runs than n it is 'mean ± std (5)'. An exact measure's value stands alone.
    """
    text = _summary_text(cell.measured, measure, n) if cell.measured is not None and cell.has_value else BLANK
    return f"{text} [{letter}]" if letter else text


def interval_text(cell: ResultCell, measure: Measure) -> str:
    """Returns the mean's 95 % interval with the mean's decimals: '[58.1, 64.2]'."""
    interval = summary_interval(cell.measured) if cell.measured is not None and not measure.exact else None
    if interval is None:
        return BLANK
    possible = measure.possible(interval)
    digits = len(measured_text(cell, measure).split()[0].partition(".")[2])
    return f"[{possible.low:.{digits}f}, {possible.high:.{digits}f}]".replace("-", "\N{MINUS SIGN}")


def ratio_text(cell: ResultCell) -> str:
    """Returns measured over published to three digits, two below 0.1; '> 1.23' where runs are censored."""
    if cell.ratio is not None:
        return _few_digits(cell.ratio)
    if cell.ratio_at_least is not None:
        return f"> {_few_digits(cell.ratio_at_least)}"
    return BLANK


# ---- columns


def parts(table: ResultTable, index: int) -> tuple[Part, ...]:
    """Returns the columns of a measure: measured, beside it published where any row has such a value, and the ratio."""
    if not table.refers(index):
        return ("measured",)
    return ("published", "measured", "ratio") if table.ratios else ("published", "measured")


def heading(table: ResultTable, part: Part) -> str:
    return {"published": table.reference, "measured": table.value, "interval": "95 % interval"}.get(part, part)


def cell_texts(table: ResultTable, row: ResultRow, index: int) -> tuple[str, ...]:
    """Returns the row's texts in the columns of a measure, with the letter of a footnote."""
    cell = row.cells[index]
    letter = table.footnotes.get(cell.reason, "")
    return tuple(
        part_text(cell, table.measures[index], part, table.n)
        + (f" [{letter}]" if letter and part == "measured" else "")
        for part in parts(table, index)
    )


def header(table: ResultTable) -> tuple[str, ...]:
    """Returns the heads of all columns: network, method, then the columns of every measure."""
    pairs = [
        (m.heading, heading(table, part)) for index, m in enumerate(table.measures) for part in parts(table, index)
    ]
    return table.group, table.item, *(", ".join(filter(None, pair)) for pair in pairs)


def lines(table: ResultTable) -> Iterator[tuple[str, ...]]:
    """Yields the texts of every row under the `header`."""
    for row in table.rows:
        texts = (text for index in range(len(table.measures)) for text in cell_texts(table, row, index))
        yield row.network_label, row.method_label, *texts


# ---- below the table


def footer(table: ResultTable) -> list[str]:
    """Returns all lines below the table: those that explain its cells, then its `notes`."""
    return [*footnotes(table), *legend(table), *blank_notes(table), *notes(table)]


def blank_notes(table: ResultTable) -> list[str]:
    """Explains dashes in columns of published values."""
    indices = [index for index in range(len(table.measures)) if table.refers(index)]
    if not any(row.cells[index].published is None for row in table.rows for index in indices):
        return []
    why = "the paper gives no value." if table.reference == "published" else "there is none."
    return [f"{BLANK} under '{table.reference}': {why}"]


def footnotes(table: ResultTable) -> list[str]:
    """Returns the footnotes of single cells."""
    return [f"[{letter}] {reason}" for reason, letter in table.footnotes.items()]


def legend(table: ResultTable) -> list[str]:
    """Returns the lines that explain the cells."""
    explained = []
    if table.conditions.runs and table.n is not None:
        explained.append(spread_text(table.counts))
    explained += cell_notes([cell.measured for row in table.rows for cell in row.cells])
    explained += resolution_notes(table, range(len(table.measures)))
    explained += dict.fromkeys(note for glance in table.glances for note in glance_notes(glance))
    return explained


def spread_text(counts: Counter[int], *, always: bool = False) -> str:
    """Returns the sentence that explains ±. counts: values by number of runs. always: every value states its runs."""
    n, several = counts.most_common(1)[0][0], len(counts) > 1
    if counts.keys() == {1}:
        return "Single runs (n = 1), which show no spread."
    few = " (three or fewer: weak evidence)" if several else ", weak evidence"
    runs = f"n = {n} runs{', or as many as stand in ( )' if several else ''}"
    if several and always:
        runs = "as many runs as stand in ( )"
    return f"Mean ± sample standard deviation, {runs}{few if any(map(weak, counts)) else ''}."


def cell_notes(values: Iterable[Summary | None]) -> list[str]:
    """Explains values that not all runs have."""
    counts = dict.fromkeys(_arrived(value) for value in values if value and value.censored)
    return [CENSORED.format(", ".join(counts))] if counts else []


def resolution_notes(table: ResultTable, indices: Iterable[int]) -> list[str]:
    """Gives the resolution of measures that are read at evaluations: 'Time to target (s) 0.096 to 0.84'."""
    sizes = []
    for index in indices:
        values = [row.cells[index].measured for row in table.rows]
        if widths := [value.resolution for value in values if value is not None and value.resolution]:
            ends = dict.fromkeys(map(_size, (min(widths), max(widths))))
            sizes.append(f"{table.measures[index].heading} {' to '.join(ends)}")
    return [RESOLUTION.format(", ".join(sizes))] if sizes else []


def notes(table: ResultTable) -> list[str]:
    """Returns the table's own notes, then the audit."""
    measured = (f"Audit: {line}" for line in table.audit)
    published = (f"Audit, the published setting: {line}" for line in table.published_audit)
    return [*table.caveats, *table.notes, *measured, *published]


# ---- at a glance


def glance_title(glance: Glance) -> str:
    """Returns the heading of a comparison, with its network."""
    return f"{glance.network} {glance_rule(glance)}"


def glance_rule(glance: Glance) -> str:
    """Describes the comparison, for any network: baseline and measures."""
    return f"against {glance.baseline}: speed-up ({glance.of}) and {glance.quality}, with 95 % intervals"


def glance_header(table: ResultTable, glance: Glance) -> tuple[str, ...]:
    """Returns the heads of `glance_lines`, with columns of published values where there are any."""
    published = (table.reference,) if glance.published else ()
    return (table.item, "Speed-up", *published, glance.heading, *published, "Seeds")


def glance_lines(glance: Glance) -> Iterator[tuple[str, ...]]:
    """Yields 'Async LU', '1.81× [1.74, 1.88]', '1.86×', '-2.3 [-4.2, -0.3]', '–', '5' under the `glance_header`."""
    for line in glance.lines:
        pairs = zip(glance_pair(line, glance), published_pair(line, glance), strict=True)
        yield line.label, *(text for pair in pairs for text in pair[: 1 + glance.published]), line.seeds


def glance_pair(line: GlanceLine, glance: Glance) -> tuple[str, str]:
    """Returns speed-up and difference as measured."""
    speedup = "the same runs" if line.same else glance_text(line.speedup, "×")
    return speedup, glance_text(line.accuracy, digits=glance.digits)


def published_pair(line: GlanceLine, glance: Glance) -> tuple[str, str]:
    """Returns speed-up and difference as published."""
    values = line.published_speedup, line.published_accuracy
    speedup, difference = (None if value is None else GlanceValue(value) for value in values)
    return glance_text(speedup, "×"), glance_text(difference, digits=glance.digits)


def glance_notes(glance: Glance) -> tuple[str, ...]:
    """Returns the notes needed to read the comparison."""
    speedups = [line.speedup for line in glance.lines if not line.same]
    bound = any(speedup is not None and speedup.bound for speedup in speedups)
    return (*((BOUNDS,) if bound else ()), *((UNBOUNDED,) if None in speedups else ()))


def glance_text(glance_value: GlanceValue | None, unit: Literal["×", ""] = "", digits: int = 1) -> str:
    """Returns a factor as '1.81× [1.74, 1.88]', a difference as '-2.3 [-4.2, -0.3]', a bound with '≤' or '≥'."""
    if glance_value is None:
        return BLANK
    numbers = [number for number in (glance_value.value, glance_value.low, glance_value.high) if number is not None]
    value, *ends = (_factor(number) if unit else _difference(number, digits) for number in numbers)
    sign = "" if unit or value.startswith("-") else "+"
    interval = f" [{', '.join(ends)}]" if ends else ""
    return f"{_SIGNS[glance_value.bound]}{sign}{value}{unit}{interval}"


def _difference(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if abs(value) < 1e4 else f"{value:.3g}"


def _factor(value: float) -> str:
    if 0.1 <= value < 10 or value == 0:
        return f"{value:.2f}"
    return f"{value:.3g}" if value >= 10 else f"{value:.2g}"


def network_labels(table: ResultTable) -> dict[str, str]:
    """Returns the labels of networks by their keys."""
    return {row.network: row.network_label for row in reversed(table.rows)}


def printable(text: str) -> str:
    """Returns the text on one line without control characters: names come from users and plug-ins."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def markdown(text: object) -> str:
    """Returns one line of Markdown that shows the text literally."""
    return _MARKDOWN.sub(r"\\\1", printable(str(text)))


def _summary_text(value: Summary, measure: Measure, n: int | None) -> str:
    if value.mean is not None and measure.exact:
        return f"{value.mean:.{measure.digits}f}"
    if value.mean is not None:
        mean, std = _alike(value.mean, value.std, measure)
        return f"{mean}{f' ± {std}' if std else ''}{f' ({value.n})' if value.n != n else ''}"
    if value.at_least is None:
        return _arrived(value)
    least = _alike(value.at_least, None, measure)[0].removesuffix(".0")
    return f"> {least} {_arrived(value)}"


def _arrived(value: Summary) -> str:
    return f"({value.n - value.censored}/{value.n})"


def _size(value: float) -> str:
    """Returns two significant digits, without an exponent where that is short."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _alike(mean: float, std: float | None, measure: Measure) -> tuple[str, str]:
    """Returns both with the mean's decimals, or with an exponent where three digits would take too many decimals.

    A measure without decimals, as published, has one here; small means have three significant digits.
    """
    if 0 < abs(mean) < 10 ** (2 - MOST_DECIMALS):
        return f"{mean:.3g}", "" if std is None else f"{std:.2g}"
    decimals = measure.digits or 1
    if measure.digits and mean and math.isfinite(mean):
        decimals = min(max(decimals, 2 - math.floor(math.log10(abs(mean)))), MOST_DECIMALS)
    return f"{mean:.{decimals}f}", "" if std is None else f"{std:.{decimals}f}"


def _few_digits(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.2g}"
