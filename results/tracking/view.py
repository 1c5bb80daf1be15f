"""How MLflow's list of runs opens: a view that an experiment's tag holds, and an address names.

MLflow keeps a view that somebody shares as JSON in such a tag; its fields are those of its own pages' state (3.13 to
3.17 were read). One that it cannot read it leaves out, with a sentence, and shows its ordinary list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

VIEW = "benchmarks"
"""Its name in an address."""
TAG = f"mlflow.sharedViewState.{VIEW}"
COLUMNS = (
    "metrics.`best_accuracy_percent`",
    "metrics.`time_to_target_seconds`",
    "metrics.`seconds_per_epoch`",
    "params.`source`",
)


def text() -> str:
    """The view as the tag holds it, which has room for 5000 characters."""
    return json.dumps({**_LIST, **_CHOSEN}, separators=(",", ":"))


_LIST: Mapping[str, Any] = {
    "selectedColumns": COLUMNS,
    "columnOrder": [],
    "columnWidths": {},
    "runsExpanded": {},
    "runsPinned": [],
    "runsHidden": [],
    "runsVisibilityMap": {},
    "runsHiddenMode": "FIRST_20_RUNS",
    "viewMaximized": False,
    "runListHidden": False,
    "isAccordionReordered": False,
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "groupBy": None,
    "groupsExpanded": {},
    "autoRefreshEnabled": False,
    "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
}
_CHOSEN: Mapping[str, Any] = {
    "orderByKey": "attributes.start_time",
    "orderByAsc": False,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "searchFilter": "",
}
