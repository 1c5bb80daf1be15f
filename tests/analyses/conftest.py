"""Pictures of analyses are painted, and their files left empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pictures import leave_empty


@pytest.fixture(autouse=True, scope="module")
def _empty_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        leave_empty(patch)
        yield
