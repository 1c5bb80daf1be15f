"""Tags that mark our runs in an MLflow store, the search for such runs, and the view with which MLflow's list opens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from results.records import Record

PREFIX = "benchmarks."
FILES, FILES_DIGEST = f"{PREFIX}files", f"{PREFIX}files_digest"
"""The names of a run's extra files, and a digest of their contents."""
SETTINGS = f"{PREFIX}settings"
"""Words in a run's name that tell it from others of its row (`names`), where there are any."""
VIEW = "benchmarks"
"""The view of the list of runs, by its name in an address."""
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
"""A tag of an experiment, in which MLflow keeps a shared view as JSON.

The fields are the state of MLflow's own pages (read from versions 3.13 to 3.17). A version that cannot read the view
says so, and shows its ordinary list.
"""
COLUMNS = (
    "metrics.`best_accuracy_percent`",
    "metrics.`best_loss`",
    "metrics.`time_to_target_seconds`",
    "metrics.`seconds_per_epoch`",
    "params.`source`",
)
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
    "orderByKey": "attributes.start_time",
    "orderByAsc": False,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "searchFilter": "",
}


def run_key(record: Record) -> str:
    """Returns the key of a run's entry; a run that stands in another row than its journal's has a second key."""
    return f"run:{record.id}:{record.row}" if record.elsewhere else f"run:{record.id}"


def search(client: Any, experiment_ids: Sequence[str], condition: str) -> Iterator[Any]:
    """Yield all runs, page by page, the newest first."""
    token = None
    while experiment_ids:
        page = client.search_runs(list(experiment_ids), condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def ended(run: Any) -> bool:
    """Whether the run was written to its end; if not, a feed was interrupted."""
    return run.info.status not in ("RUNNING", "SCHEDULED")


def view_text() -> str:
    """Returns the view as JSON for the tag, which has room for 5000 characters."""
    return json.dumps(_LIST, separators=(",", ":"))
