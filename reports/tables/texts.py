"""Writes values as texts, alike in every renderer."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from results.measures import Measure
from results.published import Published
from results.statistics import Summary
from results.statistics.inference import weak
from results.tables import Glance, GlanceLine, GlanceValue, ResultCell, ResultRow, ResultTable

BLANK = "–"
MOST_DECIMALS = 6
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~&])")
_SIGNS = {"": "", "at least": "≥ ", "at most": "≤ "}
RESOLUTION = "Found at evaluations, so too high by up to: {}."
BOUNDS = "≤, ≥: a bound, since runs never arrived, or all at the first evaluation."
UNBOUNDED = "Speed-up –: both rows were there at their first evaluation, or runs of both never."
CENSORED = "{}: so many have a value; > is a lower bound."


def published_text(value: Published | None, measure: Measure) -> str:
    """Text of a published value: '226.4 ± 10', with the paper's own digits in the standard deviation."""
    if value is None:
        return BLANK
    mean = f"{value.mean:.{measure.digits}f}"
    if value.std is None:
        return mean
    return f"{mean} ± {value.std:g}" if measure.std_digits is None else f"{mean} ± {value.std:.{measure.std_digits}f}"


def measured_text(cell: ResultCell, measure: Measure, letter: str = "", n: int | None = None) -> str:
    """'mean ± std', without std for one run; '> 12 (2/3)' where runs are censored: the footer explains it.

    Of another number of runs than n it is 'mean ± std (5)'. An exact measure's value stands alone.
    """
    text = _summary_text(cell.measured, measure, n) if cell.measured is not None and cell.has_value else BLANK
    return f"{text} [{letter}]" if letter else text


def ratio_text(cell: ResultCell) -> str:
    """Measured over published to three digits, two below 0.1; '> 1.23' where runs are censored."""
    if cell.ratio is not None:
        return _few_digits(cell.ratio)
    if cell.ratio_at_least is not None:
        return f"> {_few_digits(cell.ratio_at_least)}"
    return BLANK


def headings(table: ResultTable, index: int) -> tuple[str, ...]:
    """The columns of a measure: reference, measured, their ratio where it says anything; measured alone without one."""
    both = (table.reference, table.value) if table.refers(index) else (table.value,)
    return (*both, "ratio") if table.refers(index) and table.ratios else both


def cell_texts(table: ResultTable, row: ResultRow, index: int) -> tuple[str, ...]:
    """One row's texts under the `headings` of a measure."""
    cell, measure = row.cells[index], table.measures[index]
    measured = measured_text(cell, measure, table.footnotes.get(cell.reason, ""), table.n)
    if not table.refers(index):
        return (measured,)
    both = published_text(cell.published, measure), measured
    return (*both, ratio_text(cell)) if table.ratios else both


def header(table: ResultTable) -> tuple[str, ...]:
    """The head of all columns, side by side: network, method, then every measure's `headings`."""
    indices = range(len(table.measures))
    names = ((table.measures[index].heading, name) for index in indices for name in headings(table, index))
    return table.group, table.item, *(", ".join(filter(None, pair)) for pair in names)


def lines(table: ResultTable) -> Iterator[tuple[str, ...]]:
    """The texts of every row under the `header`."""
    for row in table.rows:
        texts = (text for index in range(len(table.measures)) for text in cell_texts(table, row, index))
        yield row.network_label, row.method_label, *texts


def footer(table: ResultTable) -> list[str]:
    """All that stands below the table: what its cells mean, then its `notes`."""
    lines_below = [*footnotes(table), *legend(table)]
    shown = [index for index in range(len(table.measures)) if table.refers(index)]
    if any(row.cells[index].published is None for row in table.rows for index in shown):
        blank = f"{BLANK} under '{table.reference}': "
        lines_below.append(
            blank + ("the paper gives no value." if table.reference == "published" else "there is none.")
        )
    return [*lines_below, *notes(table)]


def footnotes(table: ResultTable) -> list[str]:
    """Footnotes of single cells."""
    return [f"[{letter}] {reason}" for reason, letter in table.footnotes.items()]


def legend(table: ResultTable) -> list[str]:
    """Lines that explain the cells."""
    explained = []
    if table.conditions.runs and table.n is not None:
        explained.append(spread_text(table.counts))
    explained += cell_notes([cell.measured for row in table.rows for cell in row.cells])
    explained += resolution_notes(table, range(len(table.measures)))
    explained += dict.fromkeys(note for glance in table.glances for note in glance_notes(glance))
    return explained


def spread_text(counts: Counter[int], *, all_said: bool = False) -> str:
    """Sentence that explains ±. counts: values by number of runs; all_said: every value states its number of runs."""
    n, several = counts.most_common(1)[0][0], len(counts) > 1
    if counts.keys() == {1}:
        return "Single runs (n = 1), which show no spread."
    few = " (three or fewer: weak evidence)" if several else ", weak evidence"
    runs = f"n = {n} runs{', or as many as stand in ( )' if several else ''}"
    if several and all_said:
        runs = "as many runs as stand in ( )"
    return f"Mean ± sample standard deviation, {runs}{few if any(map(weak, counts)) else ''}."


def cell_notes(values: Iterable[Summary | None]) -> list[str]:
    """Explains values that not all runs have."""
    counts = dict.fromkeys(_arrived(value) for value in values if value and value.censored)
    return [CENSORED.format(", ".join(counts))] if counts else []


def resolution_notes(table: ResultTable, indices: Iterable[int]) -> list[str]:
    """Resolution of measures that are read at evaluations: 'Time to target (s) 0.096 to 0.84'."""
    sizes = []
    for index in indices:
        values = [row.cells[index].measured for row in table.rows]
        if widths := [value.resolution for value in values if value is not None and value.resolution]:
            ends = dict.fromkeys(map(_size, (min(widths), max(widths))))
            sizes.append(f"{table.measures[index].heading} {' to '.join(ends)}")
    return [RESOLUTION.format(", ".join(sizes))] if sizes else []


def notes(table: ResultTable) -> list[str]:
    """The table's own notes, then the audit."""
    ours = (f"Audit: {line}" for line in table.audit)
    theirs = (f"Audit, the published setting: {line}" for line in table.published_audit)
    return [*table.caveats, *table.notes, *ours, *theirs]


def glance_title(glance: Glance) -> str:
    """Heading of a comparison, with its network."""
    return f"{glance.network} {glance_rule(glance)}"


def glance_rule(glance: Glance) -> str:
    """Describes the comparison, for any network: baseline and measures."""
    return f"against {glance.baseline}: speed-up ({glance.of}) and {glance.quality}, with 95 % intervals"


def glance_header(table: ResultTable, glance: Glance) -> tuple[str, ...]:
    """The head of the `glance_lines`; what was published has columns where there is any of it."""
    theirs = (table.reference,) if glance.published else ()
    return (table.item, "Speed-up", *theirs, glance.heading, *theirs, "Seeds")


def glance_lines(glance: Glance) -> Iterator[tuple[str, ...]]:
    """'Async LU', '1.81× [1.74, 1.88]', '1.86×', '-2.3 [-4.2, -0.3]', '–', '5' under the `glance_header`."""
    for line in glance.lines:
        both = zip(glance_pair(line, glance), published_pair(line, glance), strict=True)
        yield line.label, *(text for pair in both for text in pair[: 1 + glance.published]), line.seeds


def glance_pair(line: GlanceLine, glance: Glance) -> tuple[str, str]:
    """Speed-up and difference as measured."""
    speedup = "the same runs" if line.same else glance_text(line.speedup, "×")
    return speedup, glance_text(line.accuracy, digits=glance.digits)


def published_pair(line: GlanceLine, glance: Glance) -> tuple[str, str]:
    """Speed-up and difference as published."""
    difference = glance_text(_exact(line.published_accuracy), digits=glance.digits)
    return glance_text(_exact(line.published_speedup), "×"), difference


def glance_notes(glance: Glance) -> tuple[str, ...]:
    """Notes needed to read the comparison."""
    speedups = [line.speedup for line in glance.lines if not line.same]
    bound = any(speedup is not None and speedup.bound for speedup in speedups)
    return (*((BOUNDS,) if bound else ()), *((UNBOUNDED,) if None in speedups else ()))


def glance_text(shown: GlanceValue | None, unit: Literal["×", ""] = "", digits: int = 1) -> str:
    """A factor as '1.81× [1.74, 1.88]', a difference as '-2.3 [-4.2, -0.3]', with '≤' or '≥' where it is a bound."""
    if shown is None:
        return BLANK
    numbers = (number for number in (shown.value, shown.low, shown.high) if number is not None)
    value, *ends = (_factor(number) if unit else _difference(number, digits) for number in numbers)
    value = value if unit or value.startswith("-") else f"+{value}"
    interval = f" [{', '.join(ends)}]" if ends else ""
    return f"{_SIGNS[shown.bound]}{value}{unit}{interval}"


def _difference(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if abs(value) < 1e4 else f"{value:.3g}"


def _factor(value: float) -> str:
    if 0.1 <= value < 10 or value == 0:
        return f"{value:.2f}"
    return f"{value:.3g}" if value >= 10 else f"{value:.2g}"


def network_labels(table: ResultTable) -> dict[str, str]:
    """Network key -> label."""
    return {row.network: row.network_label for row in reversed(table.rows)}


def printable(text: str) -> str:
    """The text on one line and without control characters: names come from users and plug-ins."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text)


def markdown(text: object) -> str:
    """One line of Markdown that shows the text literally."""
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
    """Two significant digits, without an exponent where that is short."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _decimals(values: Sequence[float], measure: Measure) -> int:
    """One decimal more than whole published numbers; three significant digits for what is small."""
    least = measure.digits or 1
    if measure.digits == 0:
        return least
    sizes = [2 - math.floor(math.log10(abs(value))) for value in values if value and math.isfinite(value)]
    return min(max([least, *sizes]), MOST_DECIMALS)


def _alike(mean: float, std: float | None, measure: Measure) -> tuple[str, str]:
    """Both with the decimals that the mean takes; with an exponent where three digits of it would take too many."""
    if 0 < abs(mean) < 10 ** (2 - MOST_DECIMALS):
        return f"{mean:.3g}", "" if std is None else f"{std:.2g}"
    decimals = _decimals([mean], measure)
    return f"{mean:.{decimals}f}", "" if std is None else f"{std:.{decimals}f}"


def _exact(value: float | None) -> GlanceValue | None:
    return GlanceValue(value) if value is not None else None


def _few_digits(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.2g}"
