"""Runs a probe job to find out, before anything is queued, what a cluster node is and which files it sees.

If hardware is part of a run's identity, runs are planned for that node. Every job checks its node again.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.errors import UserError
from benchmarks.runner import gpus, identity, numerics
from benchmarks.runner.engines import cluster
from benchmarks.runner.engines.cluster import Call
from benchmarks.runner.engines.options import SlurmOptions
from benchmarks.runner.engines.shards import LOGS, place
from benchmarks.runner.environment import cpu_name
from benchmarks.runner.gpus import Node
from results import files
from results.reading import TEXT_BYTES, content, parsed_json
from results.records.identity import identity as digest

ANSWER = "probe.json"
LOOK_SECONDS = 0.5
QUEUE_LOOKS = 10
"""Checks for the answer between two calls to the cluster's controller."""


@dataclass(frozen=True)
class Question:
    """Question to a node. paths: that must exist there; versions: that must equal this machine's."""

    paths: tuple[str, ...]
    versions: dict[str, str]

    @classmethod
    def here(cls, paths: Sequence[Path]) -> Question:
        """Returns a question with this process's versions."""
        return cls(tuple(str(path.absolute()) for path in paths), _versions())


@dataclass(frozen=True)
class Answer:
    """Answer of a node. missing: paths that do not exist there. key: of the question and the job's options."""

    host: str
    node: Node
    versions: dict[str, str]
    missing: list[str]
    key: str = ""


def answer(path: str) -> None:
    """Runs in the probe job: writes a description of the node beside the question at this path."""
    node = Node(cpu_name(), os.cpu_count() or 1, gpus.detect() if gpus.usable() else None)
    missing = [name for name in json.loads(Path(path).read_bytes())["paths"] if not Path(name).exists()]
    _write(Path(path).with_name(ANSWER), Answer(os.uname().nodename, node, _versions(), missing))


def ask(
    question: Question, out: Path, options: SlurmOptions, say: Callable[[str], None], sleep: Callable[[float], None]
) -> Node:
    """Describes a node by a probe job, unless the same question was answered before.

    Raises UserError if the node misses a path, has other versions, or does not answer.
    """
    key = digest([list(question.paths), question.versions, dict(options.sbatch), list(options.setup)])
    before = _read(place(out) / ANSWER)
    if before is not None and before.key == key:
        return before.node
    new = _by_job(question, out, options, say, sleep)
    if new.missing:
        raise UserError(f"Node {new.host} does not see {new.missing[0]}: name a folder that all nodes share.")
    for name, planned in question.versions.items():
        if (version := str(new.versions.get(name))) != planned:
            raise UserError(
                f"Node {new.host} would make other runs than this machine plans; it has other {name} (planned with "
                f"{planned[:12]}, found {version[:12]})."
            )
    _write(place(out) / ANSWER, replace(new, key=key))
    return new.node


def last_node(out: Path) -> Node | None:
    """Returns the node that the last probe job found; None if there was none."""
    before = _read(place(out) / ANSWER)
    return before.node if before is not None else None


def _by_job(
    question: Question, out: Path, options: SlurmOptions, say: Callable[[str], None], sleep: Callable[[float], None]
) -> Answer:
    folder = files.own_folder(out, place(out)).absolute() / f"probe-{time.time_ns():x}"
    path, logs = folder / "question.json", folder / LOGS
    files.replace(path, json.dumps(asdict(question)).encode())
    (id,) = cluster.submit(Call(__name__, answer.__name__), [path], name=folder.name, logs=logs, options=options)
    say(f"Probe job {id}: what a node is and sees, before anything is queued")
    looks = missing = 0
    try:
        while (answer_found := _read(folder / ANSWER)) is None:
            if missing > 1:
                raise UserError(_no_answer(out, id, logs))
            sleep(LOOK_SECONDS)
            looks += 1
            if looks % QUEUE_LOOKS == 0:
                with contextlib.suppress(cluster.ClusterSilent):
                    job = cluster.queue([folder.name]).get((folder.name, 0))
                    missing = missing + 1 if job is None or job.over else 0
    except KeyboardInterrupt:
        cluster.cancel([id])
        raise
    return answer_found


def _no_answer(out: Path, id: str, logs: Path) -> str:
    """Says why a probe job ended without an answer: by the last line of its log, if there is one."""
    for log in sorted(logs.glob("*_log.out")):
        with contextlib.suppress(OSError):
            if text := content(log, TEXT_BYTES).decode(errors="replace").strip():
                last = text.splitlines()[-1].strip()
                return f"The probe job {id} ended without an answer: {last} [log: {log}]"
    why = "its node does not see this folder, or may not write into it"
    return f"--out {out.absolute()}: probe job {id} left nothing there: {why}; name one that all nodes share."


def _versions() -> dict[str, str]:
    return {"sources": numerics.digest(), "torch": identity.torch_minor()}


def _read(path: Path) -> Answer | None:
    try:
        return TypeAdapter(Answer).validate_python(parsed_json(path, TEXT_BYTES))
    except (OSError, ValueError):
        return None


def _write(path: Path, value: Answer) -> None:
    files.replace(path, json.dumps(asdict(value)).encode())
