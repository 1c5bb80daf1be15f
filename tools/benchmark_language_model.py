"""Measure the suite's speed on GPT against a bare loop written like nanoGPT's; print each ratio beside its goal.

    python tools/benchmark_language_model.py [--rounds N] [--width 128]

The bare loop has nanoGPT's network (tied embeddings, torch's fused attention), one fused AdamW and one clipping for all
weights; the suite has an optimizer a layer and clips layer by layer. Batch 12, 64 characters, one thread, the same
batches (random tokens). All take turns in one process; a ratio is the median over the rounds of those within a round.
Nothing else should run on the machine meanwhile. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for what the tools share

from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.runner.training import Training
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.data.text.windows import WindowSet
from benchmarks.workloads.workload import Workload, workload
from tools.measuring import Timed, epoch, ranges, ratio, spread, take_turns, training

GOALS = (
    ("BP, threads", "bare loop", "nanoGPT's tokens a second that BP on threads has", 0.95),
    ("BP, virtual", "bare loop", "nanoGPT's tokens a second that BP on the virtual clock has", 0.95),
    ("Async LU, virtual", "BP, virtual", "virtual BP's gradients a second that virtual Async LU has", 1 / 1.1),
)


class BareBlock(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)): (B, T, channels) -> the same shape."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(channels, bias=False), nn.LayerNorm(channels, bias=False)
        self.qkv, self.out = nn.Linear(channels, 3 * channels, False), nn.Linear(channels, channels, False)
        self.up, self.down = nn.Linear(channels, 4 * channels, False), nn.Linear(4 * channels, channels, False)

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.shape
        q, k, v = (part.view(b, t, self.heads, -1).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(c, 2))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, c))
        z: Tensor = self.down(functional.gelu(self.up(self.norm2(x))))
        return x + z


class BareGPT(nn.Module):
    """GPT with one embedding matrix at both ends: int64 tokens (B, T) -> logits (B, T, vocabulary)."""

    def __init__(self, vocabulary: int, channels: int, context: int, blocks: int, heads: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, channels), nn.Embedding(context, channels)
        self.blocks = nn.Sequential(*(BareBlock(channels, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(channels, bias=False)
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.tokens(x) + self.places.weight[: x.shape[1]])
        return functional.linear(self.norm(x), self.tokens.weight)


def bare_loop(training_given: Training, vocabulary: int) -> Timed:
    """Returns a function that times a hand-written loop over the same batches, with one optimizer."""
    network = BareGPT(vocabulary, training_given.work.width, 64, 4, 4)
    weights = list(network.parameters())
    groups = [
        {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": 0.1},
        {"params": [weight for weight in weights if weight.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer, steps = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True), training_given.batches.steps()

    def timed() -> float:
        begun = time.perf_counter()
        for i in range(steps):
            tokens, following = training_given.batches.batch(0, i)
            for group in optimizer.param_groups:
                group["lr"] = training_given.work.schedule(i / steps)
            loss = functional.cross_entropy(network(tokens).flatten(0, 1), following.flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return (time.perf_counter() - begun) / steps

    return timed


def random_windows(work: Workload, vocabulary: int) -> WindowSet:
    """Returns windows of random tokens, so that no data is needed."""
    assert work.tokens is not None
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, vocabulary, (100_000,), dtype=torch.int32, generator=generator)
    return WindowSet(card(work.dataset), work.tokens, ids, ids[:1000], work.train_samples or 1, 4, vocabulary, 1.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--width", type=int, default=128, help="channels, in 4 heads and 4 blocks")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    work = workload("tinyshakespeare", "gpt", "paper", {"width": arguments.width, "heads": 4, "train_samples": 600})
    vocabulary = card(work.dataset).characters
    data = random_windows(work, vocabulary)
    prepared = training(work, "bp", data)
    rivals = {
        "bare loop": bare_loop(prepared, vocabulary),
        "BP, threads": epoch(training(work, "bp", data, "threads")),
        "BP, virtual": epoch(prepared),
        "Async LU, virtual": epoch(training(work, "async_lu", data)),
    }
    torch.set_flush_denormal(True)
    times = take_turns(rivals, arguments.rounds)
    print(ranges(times))
    missed = 0
    for of, over, label, goal in GOALS:
        share = ratio(times, over, of)
        missed += share < goal
        verdict = "ok    " if share >= goal else "MISSED"
        print(f"{verdict} share of {label}: {share:.3f} (goal: at least {goal:.3g}); {spread(times, over, of)}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
