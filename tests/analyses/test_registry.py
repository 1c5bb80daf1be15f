"""An analysis says its id, its paper and its options."""

from __future__ import annotations

import pytest

from benchmarks.analyses import registry
from benchmarks.analyses.definition import Analysis, AnalysisOptions
from benchmarks.errors import UserError


@pytest.mark.parametrize("id", registry.IDS)
def test_what_an_analysis_says_of_itself(id: str) -> None:
    analysis = registry.analysis(id)
    assert isinstance(analysis, Analysis)
    assert analysis.id == id
    assert analysis.paper in ("", "paper-a", "paper-b")
    assert issubclass(analysis.Options, AnalysisOptions)
    assert analysis.options({}).model_config["extra"] == "forbid"


def test_an_unknown_analysis_offers_the_nearest() -> None:
    with pytest.raises(UserError, match="staleness"):
        registry.analysis("stalenes")
