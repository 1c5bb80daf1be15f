"""Hogwild!: asynchronous updaters that share one replica, the one-device case of LAP-SGD.

Source: Recht et al. (arXiv:1106.5730), Algorithm 1; arXiv:2203.06638, section 1.2, which builds LAP-SGD on it.

Departures and choices are those of lapsgd.py on one device, without the averager, which has nothing to average. A
snapshot is taken layer by layer while others write, so it may be inconsistent, as in the paper. There, additions are
atomic per component; here a mutex per layer makes them atomic (`lock_free=true` removes it).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from methods import Counter, Team, Worker, Workers, options, register
from methods.lapsgd import LAPSGD, UpdaterOptions


@options
class HogwildOptions(UpdaterOptions):
    updaters: Annotated[Workers, Field(description="U, updaters on the one replica")] = 4


@register(title="Hogwild!", source="arXiv:1106.5730, Algorithm 1", name="hogwild", place=7)
class Hogwild(LAPSGD):
    """U updaters share one replica; each runs forward and backward passes of its own."""

    Options = HogwildOptions
    replicas = 1

    @property
    def learning_rate_factor(self) -> float:
        return 1.0

    averages_replicas = False

    def workers(self, team: Team) -> Iterable[Worker]:
        counter = Counter(producers=self.options.updaters, name="S")
        for u in range(self.options.updaters):
            yield Worker(self.updater(team, team.replica, counter, u), device=0, role="updater", index=u)
