"""The learning rate is torch's own schedule, as a function of the samples seen."""

from __future__ import annotations

import math

import pytest
import torch
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    SequentialLR,
)

from benchmarks.workloads.scales import TABLE_10
from benchmarks.workloads.schedules import Schedule


def by_torch(schedule: Schedule, epochs: int) -> list[float]:
    """Learning rate of each epoch in a training loop with torch.optim.lr_scheduler."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=schedule.lr)
    warm_up, t_max = int(schedule.warm_up_epochs), int(schedule.t_max)
    parts: list[LRScheduler] = [CosineAnnealingLR(optimizer, T_max=t_max, eta_min=schedule.floor)]
    if schedule.kind == "multistep":
        parts = [MultiStepLR(optimizer, [int(m) - warm_up for m in schedule.milestones], gamma=schedule.gamma)]
    if warm_up:
        factor = schedule.warm_up_lr / schedule.lr
        constant = ConstantLR(optimizer, factor=factor, total_iters=warm_up)
        linear = LinearLR(optimizer, start_factor=factor, total_iters=warm_up)
        parts = [linear if schedule.warm_up == "linear" else constant, *parts]
    scheduler = SequentialLR(optimizer, parts, milestones=[warm_up]) if warm_up else parts[0]
    rates = []
    for _ in range(epochs):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


OF_PAPER_B = (
    Schedule(lr=0.2, warm_up="linear", warm_up_lr=0.1, warm_up_epochs=5, t_max=30),
    Schedule(kind="multistep", lr=0.2, warm_up_epochs=0, milestones=(6, 9), gamma=0.2),
    Schedule(kind="multistep", lr=0.2, warm_up="linear", warm_up_lr=0.1, warm_up_epochs=5, milestones=(8, 12)),
)
DOWN_TO_A_FLOOR = Schedule(lr=0.2, warm_up="linear", warm_up_lr=0.1, warm_up_epochs=5, t_max=30, floor=0.02)


@pytest.mark.parametrize(
    "schedule",
    [
        *(Schedule.model_validate(fields) for fields in TABLE_10.values()),
        Schedule(lr=0.05, warm_up_epochs=1, warm_up_lr=0.02, t_max=5),
        *OF_PAPER_B,
        DOWN_TO_A_FLOOR,
    ],
    ids=[
        *("-".join(key) for key in TABLE_10),
        "smoke",
        "linear warm-up",
        "steps",
        "steps after a linear warm-up",
        "down to a floor",
    ],
)
def test_every_epoch_has_torchs_rate(schedule: Schedule) -> None:
    """Warm-up, cosine, and past T_max, where torch's cosine rises again."""
    epochs = int(schedule.warm_up_epochs + 2.2 * schedule.t_max)
    assert [schedule(epoch) for epoch in range(epochs)] == pytest.approx(
        by_torch(schedule, epochs), rel=1e-6, abs=1e-12
    )


def test_a_factor_multiplies_all_but_the_start_of_a_linear_warm_up() -> None:
    """It starts from one worker's rate (B, section 3.1)."""
    linear, constant = OF_PAPER_B[0], Schedule(lr=0.2, warm_up_lr=0.1, warm_up_epochs=5, t_max=30)
    assert linear(0, factor=8) == linear.warm_up_lr
    assert linear(5, factor=8) == pytest.approx(8 * linear(5)) == pytest.approx(1.6)
    assert [constant(epoch, factor=8) for epoch in (0, 5, 20)] == pytest.approx([8 * constant(e) for e in (0, 5, 20)])


def test_hold_stays_at_the_last_value() -> None:
    schedule = Schedule(lr=0.1, warm_up_epochs=2, t_max=10, after_t_max="hold")
    assert schedule(11) > 0
    assert [schedule(epoch) for epoch in (12, 13, 20, 100)] == pytest.approx([0.0] * 4, abs=1e-15)
    assert Schedule(lr=0.1, warm_up_epochs=2, t_max=10)(13) > 0


@pytest.mark.parametrize("steps", [7, 97])
def test_the_rate_changes_with_the_first_batch_of_an_epoch(steps: int) -> None:
    """Whatever the quotient of tickets and steps is rounded to."""
    schedule = Schedule(warm_up_epochs=3, t_max=50)
    for epoch in range(60):
        rates = {schedule((epoch * steps + i) / steps) for i in range(steps)}
        assert rates == {schedule(epoch)}


def test_stepped_by_update_it_is_smooth() -> None:
    schedule = Schedule(lr=0.1, warm_up_epochs=0, t_max=10, stepped="update")
    assert schedule(5) == pytest.approx(0.05)
    assert schedule(0) > schedule(0.01) > schedule(0.5) > schedule(1)


def test_the_schedule_of_nanogpt() -> None:
    """`get_lr` of its train.py, update by update: a warm-up that begins at lr / (updates + 1), a cosine, a floor."""
    lr, floor, warm_up, decay, steps = 6e-4, 6e-5, 20, 60, 40

    def theirs(update: int) -> float:
        if update < warm_up:
            return lr * (update + 1) / (warm_up + 1)
        if update > decay:
            return floor
        return floor + 0.5 * (1 + math.cos(math.pi * (update - warm_up) / (decay - warm_up))) * (lr - floor)

    schedule = Schedule(
        lr=lr,
        warm_up="linear",
        warm_up_lr=lr / (warm_up + 1),
        warm_up_epochs=warm_up / steps,
        t_max=(decay - warm_up) / steps,
        floor=floor,
        after_t_max="hold",
        stepped="update",
    )
    assert [schedule(update / steps) for update in range(100)] == pytest.approx(
        [theirs(update) for update in range(100)]
    )


def test_inverse_square_root_after_a_warm_up_from_0() -> None:
    """torch's by a function: lr min(n / N, (N / n)^0.5) after n of N updates of warm-up."""
    steps, warm_up = 10, 20
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = LambdaLR(optimizer, lambda n: min(n / warm_up, (warm_up / n) ** 0.5 if n else 1))
    schedule = Schedule(
        kind="inverse_sqrt", lr=0.3, warm_up="linear", warm_up_lr=0, warm_up_epochs=warm_up / steps, stepped="update"
    )
    for n in range(80):
        assert schedule(n / steps) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()


def test_inverse_square_root_without_a_warm_up_is_refused() -> None:
    with pytest.raises(ValueError, match="warm_up_epochs"):
        Schedule(kind="inverse_sqrt", warm_up_epochs=0)
