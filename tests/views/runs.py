"""Records of planned runs, made up, for the tests of what views say of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.runner.plan import Run
from results.records import Evaluation, Record
from results.records.identity import run_id


def made(
    run: Run,
    started: str,
    status: str = "finished",
    curve: Sequence[float] = (50.0,),
    pace: float = 1.0,
    **changes: str,
) -> Record:
    """A record of the run, or of the same experiment under other sources or another torch.

    curve: what the run is judged by, on the test set after each epoch; pace: simulated seconds an epoch.
    """
    spec = run.spec.model_copy(update=changes)
    metrics = {"accuracy_percent": 50.0, "loss": 1.0}
    evaluations = [
        Evaluation(epoch, 4 * epoch, {"virtual_seconds": pace * epoch, **metrics, run.labels.judge.metric: value})
        for epoch, value in enumerate(curve, start=1)
    ]
    return Record(
        id=run_id(spec),
        spec=spec,
        environment={"commit": "ab" * 20},
        labels=run.labels,
        evaluations=evaluations,
        end={"status": status},
        path=Path("journal.jsonl"),
        started=started,
    )
