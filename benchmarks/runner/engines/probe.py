"""The probe job: asks a node of the cluster about itself once, before anything is queued.

A node must see the folder of results and have the plan's sources, torch and files. Where hardware is part of a run's
identity, runs are planned with the node's. Each job checks again by itself.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError
from benchmarks.runner import gpus, identity, numerics
from benchmarks.runner.engines import cluster
from benchmarks.runner.engines.options import SlurmOptions
from benchmarks.runner.engines.shards import LOGS, place
from benchmarks.runner.engines.submitting import Call, submit
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.gpus import Gpus, Node
from results import files
from results.reading import TEXT_BYTES, content, parsed_json
from results.records.identity import identity as digest

ANSWER = "probe.json"
LOOK_SECONDS = 0.5
QUEUE_LOOKS = 10
"""Looks for the answer between two questions to the cluster's controller."""


@dataclass(frozen=True)
class Question:
    """Question to a node. paths: that must exist there; versions: that must be the same as here."""

    paths: tuple[str, ...]
    versions: dict[str, str]

    @classmethod
    def here(cls, paths: Sequence[Path]) -> Question:
        """A question with the versions that this process has."""
        return cls(tuple(str(path.absolute()) for path in paths), _versions())


def answer(path: str) -> None:
    """Run in the job: write what this node is, beside the question."""
    asked = json.loads(Path(path).read_bytes())
    node = Node(cpu_name(), os.cpu_count() or 1, gpus.found() if gpus.usable() else None)
    said = {
        "host": os.uname().nodename,
        "node": asdict(node),
        "versions": _versions(),
        "missing": [one for one in asked["paths"] if not Path(one).exists()],
    }
    files.replace(Path(path).with_name(ANSWER), json.dumps(said).encode())


def ask(
    question: Question, out: Path, options: SlurmOptions, say: Callable[[str], None], sleep: Callable[[float], None]
) -> Node:
    """The node's answer; one that was given before to the same question counts. Raises UserError where none will do."""
    kept = place(out) / ANSWER
    key = digest([list(question.paths), question.versions, dict(options.asked), list(options.setup)])
    before = _read(kept)
    if before is not None and before.get("key") == key:
        return _node(before)
    said = _by_job(question, out, options, say, sleep)
    if missing := said["missing"]:
        raise UserError(f"Node {said['host']} does not see {missing[0]}: name a folder that all nodes share.")
    for what, planned in question.versions.items():  # another would make other runs
        if (there := str(said["versions"].get(what))) != planned:
            differs = f"{what} (planned with {planned[:12]}, found {there[:12]})"
            raise UserError(
                f"Node {said['host']} would make other runs than this machine plans; it has other {differs}."
            )
    files.replace(kept, json.dumps({**said, "key": key}).encode())
    return _node(said)


def known(out: Path) -> Node | None:
    """The node that the last probe job found; None where there was none."""
    before = _read(place(out) / ANSWER)
    return _node(before) if before is not None else None


def _by_job(
    question: Question, out: Path, options: SlurmOptions, say: Callable[[str], None], sleep: Callable[[float], None]
) -> dict[str, Any]:
    folder = files.own_folder(out, place(out)).absolute() / f"probe-{time.time_ns():x}"
    asked, answered = folder / "question.json", folder / ANSWER
    files.replace(asked, json.dumps(asdict(question)).encode())
    (id,) = submit(Call(__name__, answer.__name__), [asked], name=folder.name, logs=folder / LOGS, options=options)
    say(f"Probe job {id}: what a node is and sees, before anything is queued")
    try:
        looks = gone = 0
        while (said := _read(answered)) is None:
            if gone > 1:
                raise UserError(_silent(folder, id))
            sleep(LOOK_SECONDS)
            looks += 1
            if looks % QUEUE_LOOKS == 0:
                gone = gone + 1 if _over(folder.name) else 0
    except KeyboardInterrupt:
        cluster.cancel([id])
        raise
    return said


def _over(name: str) -> bool:
    try:
        found = cluster.queue([name]).get((name, 0))
    except cluster.ClusterSilent:
        return False
    return found is None or found.over


def _silent(folder: Path, id: str) -> str:
    """Why a probe job ended without an answer, as far as its log tells."""
    logs = sorted((folder / LOGS).glob("*_log.out"))
    lines = [line for log in logs for line in _tail(log).splitlines() if line.strip()]
    if not lines:
        why = "its node does not see this folder, or may not write into it"
        return f"--out {folder.parent.parent}: probe job {id} left nothing there: {why}; name one that all nodes share."
    return f"The probe job {id} ended without an answer: {lines[-1].strip()} [log: {logs[0]}]"


def _tail(log: Path) -> str:
    try:
        return content(log, TEXT_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _versions() -> dict[str, str]:
    return {"sources": numerics.digest(), "torch": identity.torch_minor()}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        said = parsed_json(path, TEXT_BYTES)
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) and {"host", "node", "versions", "missing"} <= said.keys() else None


def _node(said: dict[str, Any]) -> Node:
    fields = said["node"]
    return Node(fields["cpu"], fields["cores"], Gpus(**fields["gpus"]) if fields["gpus"] else None)
