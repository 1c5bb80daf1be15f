"""`sample`: writes text with a language model whose weights a run has kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

from benchmarks.commands.kept_runs import check_data, check_own_files, find
from benchmarks.commands.options import SampleOptions
from benchmarks.commands.screen import say
from benchmarks.errors import UserError
from benchmarks.executors.errors import described
from benchmarks.runner import weights
from benchmarks.workloads.build import network_of
from benchmarks.workloads.data.text import corpus
from benchmarks.workloads.data.text.encoding import codec
from benchmarks.workloads.networks.build import BUILDERS, forward_all
from benchmarks.workloads.own import Own, OwnFiles
from benchmarks.workloads.own_files import load
from benchmarks.workloads.tasks import next_token
from benchmarks.workloads.workload import Workload
from results.records import Record


def sample(run: str, options: SampleOptions, out: Path, data: Path | None, files: OwnFiles, console: Console) -> int:
    """Prints the prompt and a continuation, with the tokens of the run's training text -> the exit code 0.

    Raises:
        UserError: there is no such run, it is no language model or kept no weights, its data are not at hand, or the
            prompt has what no token stands for.
        ResultsError: its journal or its weights cannot be used.
    """
    own = load(files)
    record = find(run, out)
    work = _language_model(record, own)
    check_data(record, data, own)
    data_card = work.card
    text = corpus.read(data_card, folder=data)
    assert work.tokens is not None
    code = codec(*text, work.tokens)
    begun = code.encode(options.prompt or text.train[:1])
    layers = network_of(work, data_card, vocabulary=code.vocabulary)
    weights.load(record.path.parent / weights.FILE, layers)
    ids = _generate(list(layers.values()), begun, work.tokens.context, options)
    try:
        tokens = [*begun, *islice(ids, options.tokens)]
    except Exception as error:
        if work.network in BUILDERS:
            raise
        raise UserError(f"{work.network} cannot go on with a text: {described(error)}.") from error
    say(console, code.decode(tokens))
    return 0


def _language_model(record: Record, own: Own) -> Workload:
    """Returns the workload of a run that can be sampled from. Raises UserError for any other."""
    name, task = f"Run {record.id[:12]}", record.spec.workload.task
    if task != next_token.TASK.name:
        raise UserError(f"{name} is no language model: its task is {task}, not {next_token.TASK.name}.")
    check_own_files(record, own)
    if not (record.path.parent / weights.FILE).exists():
        raise UserError(f"{name} has no weights: give the command that made it again, with --keep-weights --fresh.")
    if record.status == "diverged":
        raise UserError(f"{name} diverged: its weights write nothing.")
    return Workload.of(record.spec.workload, own)


def _generate(layers: Sequence[nn.Module], ids: Sequence[int], context: int, options: SampleOptions) -> Iterator[int]:
    """Yields the next tokens, each drawn given the last `context` tokens before it."""
    for layer in layers:
        layer.eval()
    generator = torch.Generator().manual_seed(options.seed)
    window = list(ids)
    while True:
        window = window[-context:]
        with torch.no_grad():
            logits = forward_all(layers, torch.tensor([window]))[0, -1]
        window.append(_draw(logits, options.temperature, generator))
        yield window[-1]


def _draw(logits: Tensor, temperature: float, generator: torch.Generator) -> int:
    """Draws a token by its logit (V,) over the temperature; in float64, since the temperature may be tiny."""
    if not temperature:
        return int(logits.argmax())
    scaled = (logits.double() - logits.max()) / temperature
    return int(torch.multinomial(scaled.softmax(0), 1, generator=generator))
