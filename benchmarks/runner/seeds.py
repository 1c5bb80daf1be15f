"""Parses and writes seeds as users give them: how many, or which."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.errors import UserError
from results.groups import FIRST_TRIAL_SEED

WAYS = "--seeds 5 (0 to 4) or --seeds 0-4,7 (these alone; 7-7 is seed 7)"


def parsed(text: str) -> tuple[int, ...]:
    """Parses "3" to (0, 1, 2), "0-2,7" to (0, 1, 2, 7): sorted, each once. Raises UserError for anything else."""
    text = text.strip()
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        if not 1 <= int(text) <= FIRST_TRIAL_SEED:
            raise UserError(f"--seeds {text}: give the number of seeds, from 1 to {FIRST_TRIAL_SEED}, or which: 0-4,7.")
        return tuple(range(int(text)))
    return tuple(sorted({seed for part in text.split(",") for seed in _between(part.strip(), text)}))


def _between(part: str, text: str) -> range:
    """Returns the seeds of "7" or "0-4"."""
    ends = re.fullmatch(r"(\d{1,18})(?:\s*-\s*(\d{1,18}))?", part)
    if ends is None:
        raise UserError(f"--seeds {text}: give how many seeds or which, as in {WAYS}.")
    first, last = int(ends[1]), int(ends[2] or ends[1])
    if last < first:
        raise UserError(f"--seeds {text}: {part} goes backwards; write {last}-{first}.")
    if last >= FIRST_TRIAL_SEED:
        raise UserError(
            f"--seeds {text}: seeds of tables go from 0 to {FIRST_TRIAL_SEED - 1}; later ones are `tune`'s."
        )
    return range(first, last + 1)


def argument(seeds: Sequence[int]) -> str:
    """Returns the text that `parsed` reads as these seeds: "3", or "0-2,7"."""
    if tuple(seeds) == tuple(range(len(seeds))):
        return str(len(seeds))
    text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in _ranges(seeds))
    return text if re.search("[,-]", text) else f"{text}-{text}"


def words(seeds: Sequence[int]) -> str:
    """Returns "seed 0", "seeds 0 to 2", "seeds 0 to 2 and 7"."""
    *ranges, last = [str(first) if first == end else f"{first} to {end}" for first, end in _ranges(seeds)]
    return f"seed{'' if len(seeds) == 1 else 's'} {' and '.join([', '.join(ranges), last] if ranges else [last])}"


def slug(seeds: Sequence[int]) -> str:
    """Returns seeds for names of files: "1-seed", "5-seeds" for the first ones; others as "seeds-0-4+7"."""
    if tuple(seeds) == tuple(range(len(seeds))):
        return f"{len(seeds)}-seed{'' if len(seeds) == 1 else 's'}"
    return f"seeds-{'+'.join(str(first) if first == end else f'{first}-{end}' for first, end in _ranges(seeds))}"


def _ranges(seeds: Sequence[int]) -> list[tuple[int, int]]:
    """Returns (first, last) of each range without gaps."""
    ranges: list[tuple[int, int]] = []
    for seed in sorted(seeds):
        if ranges and seed == ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], seed
        else:
            ranges.append((seed, seed))
    return ranges
