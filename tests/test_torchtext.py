"""torchtext itself, which loads beside torch 2.3 only: `tox run -e torchtext`."""

from __future__ import annotations

import pytest

# torchtext announces its end on import, and older Python habits are in its source.
pytestmark = [
    pytest.mark.torchtext,
    pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(?s).*torchtext:UserWarning"),
]


def test_the_tokenizer_to_compare_with_is_there() -> None:
    """torchtext loads, and its `basic_english` is the one that the suite's tokenizer was written after."""
    from torchtext.data.utils import get_tokenizer

    tokenize = get_tokenizer("basic_english")
    assert tokenize('It\'s "fine", really<br />(Mostly).') == "it ' s fine , really ( mostly ) .".split()
