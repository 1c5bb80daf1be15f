"""How values are written, the same in every renderer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from results.measures import Measure
from results.published import Published
from results.statistics import Summary
from results.tables import Glance, GlanceValue, ResultCell, ResultRow, ResultTable

BLANK = "–"
MOST_DECIMALS = 6
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~&])")
_SIGNS = {"": "", "at least": "≥ ", "at most": "≤ "}
RESOLUTION = (
    "'−{}', for example: found at an evaluation, or up to so much earlier, since the one before; "
    "± is the spread between runs alone."
)
BOUNDS = "≤ and ≥: bounds of a speed-up, since some runs never arrived, or all were there at the first evaluation."
CENSORED = "{}: only so many of the runs have a value; '>' is a lower bound of the mean, from how far the others went."


def published_text(value: Published | None, measure: Measure) -> str:
    """For example '226.4 ± 10', with the paper's own digits in the standard deviation."""
    if value is None:
        return BLANK
    mean = f"{value.mean:.{measure.digits}f}"
    if value.std is None:
        return mean
    return f"{mean} ± {value.std:g}" if measure.std_digits is None else f"{mean} ± {value.std:.{measure.std_digits}f}"


def measured_text(cell: ResultCell, measure: Measure, letter: str = "") -> str:
    """'mean ± std (n)', without std for one run; '> 12.3 (2 of 3)' where runs are censored: the footer explains it.

    '1.16 ± 0.00 −0.58 (3)': of what is found at evaluations, with the seconds between them.
    An exact measure's value stands alone.
    """
    text = _summary_text(cell.measured, measure) if cell.measured is not None and cell.has_value else BLANK
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
    measured = measured_text(cell, measure, table.footnotes.get(cell.reason, ""))
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
    """All that stands below the table: footnotes first, then what blanks mean, then the `notes`."""
    found = [f"[{letter}] {reason}" for reason, letter in table.footnotes.items()]
    cells = [cell for row in table.rows for cell in row.cells]
    censored = [cell.measured for cell in cells if cell.measured is not None and cell.measured.censored]
    if censored:
        counts = dict.fromkeys(f"({value.n - value.censored} of {value.n})" for value in censored)
        found.append(CENSORED.format(", ".join(counts)))
    if wide := [cell.measured.resolution for cell in cells if cell.measured and cell.measured.resolution]:
        found.append(RESOLUTION.format(_size(wide[0])))
    if any(map(glance_notes, table.glances)):
        found.append(BOUNDS)
    shown = [index for index in range(len(table.measures)) if table.refers(index)]
    if any(row.cells[index].published is None for row in table.rows for index in shown):
        blank = f"{BLANK} under '{table.reference}': "
        found.append(blank + ("the paper gives no value." if table.reference == "published" else "there is none."))
    return [*found, *notes(table)]


def notes(table: ResultTable) -> list[str]:
    """The table's own notes, then the audit."""
    ours = (f"Audit: {line}" for line in table.audit)
    return [*table.notes, *ours, *(f"Audit, the published setting: {line}" for line in table.published_audit)]


def glance_title(glance: Glance) -> str:
    """What is held against what, and by what."""
    what = f"speed-up ({glance.of}) and difference in {glance.accuracy}, with 95 % intervals"
    return f"{glance.network} against {glance.baseline}: {what}"


def glance_header(table: ResultTable, glance: Glance) -> tuple[str, ...]:
    """The head of the `glance_lines`; what was published has columns where there is any of it."""
    theirs = (table.reference,) if glance.published else ()
    return (table.item, "Speed-up", *theirs, "Accuracy (points)", *theirs, "Seeds")


def glance_lines(glance: Glance) -> Iterator[tuple[str, ...]]:
    """'Async LU', '1.81× [1.74, 1.88]', '1.86×', '-2.3 [-4.2, -0.3]', '–', '5' under the `glance_header`."""
    for line in glance.lines:
        pair = "the same runs" if line.same else glance_text(line.speedup, "×"), glance_text(line.accuracy)
        theirs = glance_text(_exact(line.published_speedup), "×"), glance_text(_exact(line.published_accuracy))
        both = zip(pair, theirs, strict=True) if glance.published else zip(pair, strict=True)
        yield line.label, *(text for texts in both for text in texts), line.seeds


def glance_notes(glance: Glance) -> tuple[str, ...]:
    """What has to be known to read it."""
    values = (value for line in glance.lines for value in (line.speedup, line.accuracy) if value is not None)
    return (BOUNDS,) if any(value.bound for value in values) else ()


def glance_text(shown: GlanceValue | None, unit: Literal["×", ""] = "") -> str:
    """A factor as '1.81× [1.74, 1.88]', a difference as '-2.3 [-4.2, -0.3]', with '≤' or '≥' where it is a bound."""
    if shown is None:
        return BLANK
    known = (one for one in (shown.value, shown.low, shown.high) if one is not None)
    value, *ends = (_factor(one) if unit else f"{one:+.1f}" for one in known)
    interval = f" [{', '.join(ends)}]" if ends else ""
    return f"{_SIGNS[shown.bound]}{value}{unit}{interval}"


def _factor(value: float) -> str:
    if 0.1 <= value < 10 or value == 0:
        return f"{value:.2f}"
    return f"{value:.3g}" if value >= 10 else f"{value:.2g}"


def network_labels(table: ResultTable) -> dict[str, str]:
    """Network key -> label."""
    return {row.network: row.network_label for row in reversed(table.rows)}


def printable(text: str) -> str:
    """The text on one line and without control characters: names come from users and plug-ins."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def markdown(text: object) -> str:
    """One line of Markdown that shows the text literally."""
    return _MARKDOWN.sub(r"\\\1", printable(str(text)))


def _summary_text(value: Summary, measure: Measure) -> str:
    if value.mean is not None and measure.exact:
        return f"{value.mean:.{measure.digits}f}"
    earlier = resolution_text(value)
    if value.mean is not None:
        mean, std = _alike(value.mean, value.std, measure)
        return f"{mean}{f' ± {std}' if std else ''}{earlier} ({value.n})"
    count = f"{value.n - value.censored} of {value.n}"
    if value.at_least is None:
        return f"({count})"
    return f"> {_alike(value.at_least, None, measure)[0]}{earlier} ({count})"


def resolution_text(value: Summary) -> str:
    """' −0.58': how much earlier than the evaluation that found it; "" where that is known."""
    return f" −{_size(value.resolution)}" if value.resolution else ""


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
