"""Tags of the suite's runs in an MLflow store, the search for such runs, and views of MLflow's pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from results.records import Record

PREFIX = "benchmarks."
FILES, FILES_DIGEST = f"{PREFIX}files", f"{PREFIX}files_digest"
"""Tags with the names of a run's extra files, and with a digest of their contents."""
NAME = f"{PREFIX}name"
"""Tag with a run's base name, without settings."""
SETTINGS = f"{PREFIX}settings"
"""Tag with the settings in a run's name that tell it from others of its row (`names`), if any."""
VIEW = "benchmarks"
"""Name of the view of the list of runs, as in addresses."""
VIEW_TAGS = "mlflow.sharedViewState."
VIEW_TAG = f"{VIEW_TAGS}{VIEW}"
"""Tag of an experiment in which MLflow keeps a shared view as JSON."""
MOST_LETTERS = 5000
"""Longest value of a tag."""
COLUMNS = (
    "metrics.`best_accuracy_percent`",
    "metrics.`best_loss`",
    "metrics.`time_to_target_seconds`",
    "metrics.`seconds_per_epoch`",
    "params.`source`",
)
LIST_VIEW: Mapping[str, Any] = {
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
"""View of the list of runs: the state of MLflow's own pages, as of versions 3.13 to 3.17.

A version that cannot read it says so and shows its default list.
"""


def run_key(record: Record) -> str:
    """Key of a run's entry. A copy that another row shows (`Record.as_row`) has its own key."""
    return f"run:{record.id}:{record.row}" if record.elsewhere else f"run:{record.id}"


def search(client: Any, experiment_ids: Sequence[str], condition: str) -> Iterator[Any]:
    """Yields the runs that fulfil a condition, the newest first."""
    token = None
    while experiment_ids:
        page = client.search_runs(list(experiment_ids), condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def ended(run: Any) -> bool:
    """Whether the run was written to its end; otherwise a feed was interrupted."""
    return run.info.status not in ("RUNNING", "SCHEDULED")


def chart_text(title: str, run_ids: Sequence[str], metrics: Sequence[str]) -> str:
    """Returns a view as JSON: a bar chart per metric, one below the other, with a bar per run in the order of rows."""
    chart = {"type": "BAR", "runsCountToCompare": len(run_ids), "deleted": False, "isGenerated": False}
    section = {"display": True, "isReordered": False, "deleted": False, "isGenerated": False}
    builtin = ("Model metrics", "System metrics")  # MLflow's own sections, which it fills with all charts there are
    ids = ", ".join(f"'{id}'" for id in run_ids)
    view = {
        **LIST_VIEW,
        "searchFilter": f"attributes.run_id IN ({ids})",
        "orderByKey": "params.`row`",
        "orderByAsc": True,
        "runsHiddenMode": "SHOWALL",
        "compareRunSections": [
            {**section, "uuid": "table", "name": title, "columns": 1, "cardHeight": 120 + 32 * len(run_ids)},
            *({**section, "uuid": name, "name": name, "display": False, "isGenerated": True} for name in builtin),
        ],
        "compareRunCharts": [
            {**chart, "uuid": key, "metricSectionId": "table", "metricKey": key, "displayName": key} for key in metrics
        ],
    }
    return json.dumps(view, separators=(",", ":"))
