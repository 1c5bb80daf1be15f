"""Pictures for tests that do not look at them: painted, with empty files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.figures import canvas
from results.files import replace


def leave_empty(patch: pytest.MonkeyPatch) -> None:
    """Neither lay pictures out nor save them, which takes most of their time."""

    def saved(figure: Any, stem: Path, medium: canvas.Medium) -> Iterator[Path]:
        for ending in medium.files:
            path = stem.with_name(f"{stem.name}.{ending}")
            replace(path, b"")
            yield path

    patch.setattr(canvas, "_saved", saved)
