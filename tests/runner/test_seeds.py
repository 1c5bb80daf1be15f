"""Seeds by their number or by name, there and back."""

from __future__ import annotations

import pytest

from benchmarks.errors import UserError
from benchmarks.runner import seeds
from benchmarks.runner.choices import Choices

CHOSEN = Choices(methods=("bp",), networks=("resnet18",))


@pytest.mark.parametrize(
    ("text", "meant", "argument", "words"),
    [
        ("1", (0,), "1", "seed 0"),
        ("5", (0, 1, 2, 3, 4), "5", "seeds 0 to 4"),
        (" 3 ", (0, 1, 2), "3", "seeds 0 to 2"),
        ("0-4,7", (0, 1, 2, 3, 4, 7), "0-4,7", "seeds 0 to 4 and 7"),
        ("7, 0 - 1,1", (0, 1, 7), "0-1,7", "seeds 0 to 1 and 7"),
        ("2,4,6", (2, 4, 6), "2,4,6", "seeds 2, 4 and 6"),
        ("7-7", (7,), "7-7", "seed 7"),
        ("0,1,2", (0, 1, 2), "3", "seeds 0 to 2"),
        ("999,0", (0, 999), "0,999", "seeds 0 and 999"),
    ],
)
def test_seeds_are_read_and_written(text: str, meant: tuple[int, ...], argument: str, words: str) -> None:
    assert seeds.parsed(text) == meant
    assert seeds.argument(meant) == argument
    assert seeds.parsed(argument) == meant
    assert seeds.words(meant) == words


@pytest.mark.parametrize("text", ["", "0", "-1", "1001", "x", "1.5", "1e3", "3-1", "0-1000", "1,,2", "1-2-3", "9" * 40])
def test_what_are_no_seeds_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^--seeds .*"):
        seeds.parsed(text)
