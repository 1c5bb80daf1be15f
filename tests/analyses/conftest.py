"""Pictures of analyses are painted, and their files left empty: laying out and saving them takes most of the time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.figures import canvas
from results.files import replace


@pytest.fixture(autouse=True, scope="module")
def _unsaved() -> Iterator[None]:
    def saved(figure: Any, stem: Path, medium: canvas.Medium) -> Iterator[Path]:
        for ending in medium.files:
            path = stem.with_name(f"{stem.name}.{ending}")
            replace(path, b"")
            yield path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "_saved", saved)
        yield
