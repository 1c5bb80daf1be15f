"""Tickets, channels, counters and collectives of a replay: each effect waits for its place in the recorded order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.executors.replay.player import Player, Replayed, Wait
from benchmarks.executors.team import Team
from benchmarks.executors.threads.collectives import CollectiveRound
from benchmarks.executors.threads.recorder import END, NOT_YET, RecordedItems, seconds_of
from benchmarks.executors.traffic import Traffic
from methods import effects as e


class Exchanges:
    """The tickets, channels, counters and groups of one epoch.

    A channel's capacity is ignored, since the schedule orders its items.
    """

    def __init__(self, team: Team, traffic: Traffic) -> None:
        self.team, self.traffic = team, traffic
        self._items: dict[e.Channel, RecordedItems] = {}
        self._closed: dict[e.Channel, int] = {}
        self._rounds: dict[e.Group, CollectiveRound] = {}

    # ---- tickets

    def next_batch(self, player: Player, effect: e.NextBatch) -> Replayed[object]:
        (ticket,) = player.next(1)
        last, accounts = self.team.steps_per_epoch, self.team.accounts

        def upcoming() -> int | None:
            return accounts.upcoming(effect.replica.index, shared=effect.shared)

        def behind() -> int:
            batch = upcoming()
            return (last if ticket == END else ticket) - (last if batch is None else batch)

        yield Wait(behind, lambda: f"batch {ticket} (next is {upcoming()})")
        self.team.keep_pace()
        step = self.team.next_batch(effect.replica, effect.shared, player.worker.device)
        player.take([END if step is None else ticket])
        return step

    # ---- channels and counters

    def _items_of(self, channel: e.Channel) -> RecordedItems:
        return self._items.setdefault(channel, RecordedItems())

    def put(self, player: Player, effect: e.Put) -> Replayed[None]:
        items, (place,) = self._items_of(effect.channel), player.next(1)
        name = effect.channel.name
        yield Wait(lambda: place - items.put_count, lambda: f"place {place} in {name} (now {items.put_count})")
        player.observe(lambda: items.append((effect.item, player.worker)))

    def get(self, player: Player, effect: e.Get) -> Replayed[object]:
        channel, items, (place,) = effect.channel, self._items_of(effect.channel), player.next(1)
        if place == NOT_YET:
            player.take([NOT_YET])
            return e.LATE

        def behind() -> int:
            if place == END:
                return len(items) + max(0, channel.producers - self._closed.get(channel, 0))
            return place - items.get_count or int(not items)

        description = "the end" if place == END else f"item {place}"
        yield Wait(
            behind, lambda: f"{description} of {channel.name} ({items.put_count} were put, {items.get_count} taken)"
        )
        if place == END:
            player.take([END])
            return None
        item, giver = player.observe(items.popleft)
        if item is None:
            player.take([END])
        return item if giver is None else self.traffic.deliver(item, giver, player.worker)

    def now(self, player: Player, effect: e.Now) -> Replayed[float]:
        """Returns the recorded time."""
        yield from ()
        (bits,) = player.next(1)
        try:
            seconds = seconds_of(bits)
        except ValueError as error:
            raise player.mismatch(str(error)) from error
        player.take([bits])
        return seconds

    def close(self, player: Player, effect: e.Close) -> Replayed[None]:
        yield from ()
        if isinstance(effect.port, e.Channel):
            self._closed[effect.port] = self._closed.get(effect.port, 0) + 1
        else:
            effect.port.closes += 1

    def count(self, player: Player, effect: e.Count) -> Replayed[object]:
        counter, (value,) = effect.counter, player.next(1)
        yield Wait(lambda: value - counter.value, lambda: f"{counter.name} at {value} (now {counter.value})")
        counter.value += 1
        player.take([counter.value - 1])
        return value

    def wait(self, player: Player, effect: e.Await) -> Replayed[object]:
        """Waits until the counter has reached the recorded value, and returns that value even if it has grown since."""
        counter, (value, ended) = effect.counter, player.next(2)
        if value < effect.at_least and not ended:
            raise player.mismatch(f"{counter.name} is to reach {effect.at_least}, and has {value} in the schedule")

        def behind() -> int:
            return max(0, value - counter.value, ended - counter.ended)

        end = ", ended" if ended else ""
        yield Wait(behind, lambda: f"{counter.name} at {value}{end} (now {counter.value})")
        player.take([value, int(bool(ended))])
        return e.CounterValue(value, bool(ended))

    # ---- collectives

    def meet(
        self,
        player: Player,
        effect: e.AllReduce | e.Average,
        brought: object,
        result: Callable[[list[object]], Sequence[object]],
    ) -> Replayed[object]:
        """Contributes to the group's round, waits for the other members, and returns this member's result.

        result: computes all members' results from their contributions, both in the order of the replicas.
        """
        group = effect.group
        round = self._rounds.setdefault(group, CollectiveRound())
        if round.bring(player.worker.device, effect, brought):
            del self._rounds[group]
            round.results = round.result(result, self.traffic)
        yield Wait(lambda: int(round.results is None), lambda: f"the other members of {group.name}")
        assert round.results is not None
        return round.results[effect.replica.index]
