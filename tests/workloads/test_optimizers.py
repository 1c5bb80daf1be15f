"""Optimizers: torch's, LARS by hand, parameters without weight decay, and a state that several workers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from benchmarks.executors.accounting import Read
from benchmarks.executors.numerics.layer import TorchGradient
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.workloads.optimizers import LARS, Name, build, mark_matrices
from tests.executors.teams import RATE, backward, forward, team_of, weight

NAMES: tuple[Name, ...] = get_args(Name)


def parameters(seed: int = 0) -> list[nn.Parameter]:
    """1-D among 2-D ones, as in BatchNorm after a convolution; the first matrix is of a block."""
    draw = torch.Generator().manual_seed(seed)
    params = [nn.Parameter(torch.randn(shape, generator=draw)) for shape in ((4, 3), (4,), (2, 4), (2,))]
    return marked(params, 0, "muon")


def marked(params: list[nn.Parameter], i: int, mark: str) -> list[nn.Parameter]:
    setattr(params[i], mark, True)
    return params


def factory(name: Name, **settings: Any) -> Callable[[Sequence[Tensor]], torch.optim.Optimizer]:
    return lambda params: build(name, params, lr=99.0, **settings)


def moved(optimizer: torch.optim.Optimizer, params: Sequence[Tensor], steps: int = 3) -> list[Tensor]:
    """Where the parameters are after so many steps with the gradients cos(w)."""
    for _ in range(steps):
        for p in params:
            p.grad = p.detach().cos()
        optimizer.step()
    return [p.detach().clone() for p in params]


def same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def close(a: Sequence[Tensor], b: Sequence[Tensor]) -> None:
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd_is_torchs_to_the_bit(momentum: float, nesterov: bool) -> None:
    """Its state as well."""
    params, torch_params = parameters(), parameters()
    settings: Any = {"lr": 0.1, "momentum": momentum, "weight_decay": 0.01, "nesterov": nesterov}
    optimizer, torch_sgd = build("sgd", params, **settings), torch.optim.SGD(torch_params, fused=True, **settings)
    assert same(moved(optimizer, params), moved(torch_sgd, torch_params))
    assert set(optimizer.state_dict()["state"]) == (set(range(4)) if momentum else set())
    for i, state in optimizer.state_dict()["state"].items():
        assert torch.equal(state["momentum_buffer"], torch_sgd.state_dict()["state"][i]["momentum_buffer"])


@pytest.mark.parametrize(
    ("name", "kind", "settings"),
    [
        ("adam", torch.optim.Adam, {"fused": True}),
        ("adamw", torch.optim.AdamW, {"fused": True}),
        ("nadam", torch.optim.NAdam, {"decoupled_weight_decay": True}),
    ],
)
def test_adam_and_what_came_of_it_are_torchs_to_the_bit(name: Name, kind: Any, settings: dict[str, bool]) -> None:
    """With parameters that a network has marked: they have no weight decay."""
    params, torch_params = marked(parameters(), 2, "no_decay"), parameters()
    groups = [
        {"params": [*torch_params[:2], torch_params[3]], "weight_decay": 0.01},
        {"params": [torch_params[2]], "weight_decay": 0.0},
    ]
    torch_optimizer = kind(groups, lr=0.1, betas=(0.8, 0.95), **settings)
    optimizer = build(name, params, lr=0.1, momentum=0.8, beta2=0.95, weight_decay=0.01)
    assert same(moved(optimizer, params, steps=5), moved(torch_optimizer, torch_params, steps=5))


@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_is_torchs_with_torchs_adamw_beside_it(nesterov: bool) -> None:
    """Only the matrix that is marked moves by Muon; a vector that is marked `no_decay` has no weight decay."""
    params, torch_params = marked(parameters(), 3, "no_decay"), parameters()
    optimizer = build("muon", params, lr=0.1, momentum=0.8, beta2=0.95, weight_decay=0.01, nesterov=nesterov)
    muon = torch.optim.Muon(
        torch_params[:1], lr=0.1, momentum=0.8, weight_decay=0.01, nesterov=nesterov, adjust_lr_fn="match_rms_adamw"
    )
    groups = [{"params": torch_params[1:3], "weight_decay": 0.01}, {"params": torch_params[3:], "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=0.1, betas=(0.8, 0.95), fused=True)
    expected = [moved(muon, torch_params[:1], steps=5), moved(adamw, torch_params[1:], steps=5)]
    assert same(moved(optimizer, params, steps=5), [*expected[0], *expected[1]])


def test_muon_takes_the_matrices_between_the_first_layer_and_the_last() -> None:
    modules = [nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 4), nn.Conv2d(1, 1, 2)), nn.Linear(4, 2)]
    mark_matrices(modules)
    assert [n for m in modules for n, p in m.named_parameters() if getattr(p, "muon", False)] == ["0.weight"]


@pytest.mark.parametrize("name", NAMES)
def test_no_weight_decay_on_vectors(name: Name) -> None:
    """They move as without any; matrices as with it."""
    settings: Any = {"lr": 0.1, "momentum": 0.9}
    moves = []
    decays: list[dict[str, Any]] = [{"weight_decay": 0.1}, {"weight_decay": 0.1, "decay_bn": False}, {}]
    for decay in decays:
        params = parameters()
        moves.append(moved(build(name, params, **settings, **decay), params))
    for with_it, without_on_vectors, without in zip(*moves, strict=True):
        assert torch.equal(without_on_vectors, without if without.ndim == 1 else with_it)
        assert not torch.equal(with_it, without)


# ---- LARS


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_lars_by_hand(nesterov: bool, decay: float) -> None:
    (p, *_), lr, momentum, trust = parameters(), 0.5, 0.9, 0.1
    lars = LARS([p], lr=lr, momentum=momentum, weight_decay=decay, nesterov=nesterov, trust=trust)
    w, v = p.detach().clone(), torch.zeros_like(p)
    for _ in range(4):
        g = w.cos()
        rate = trust * w.norm() / (g.norm() + decay * w.norm())
        change = lr * rate * (g + decay * w)
        v = momentum * v + change
        w = w - (change + momentum * v if nesterov else v)
        p.grad = p.detach().cos()
        lars.step()
        torch.testing.assert_close(p.detach(), w)


def test_lars_leaves_zero_and_takes_no_quotient_of_zeros() -> None:
    zero, still = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(3))
    zero.grad, still.grad = torch.ones(3), torch.zeros(3)
    LARS([zero, still], lr=0.5).step()
    assert zero.tolist() == [-0.5] * 3
    assert still.tolist() == [1.0] * 3


# ---- in a team


def steps(team: TorchTeam, workers: str) -> list[Tensor]:
    """Updates of all layers by these workers in turn -> the weights."""
    for worker in workers:
        team.update(backward(team, forward(team)), worker, 0.0)
    return [p.detach().clone() for layer in team.replica.layers for p in layer.params]


@pytest.mark.parametrize("name", NAMES)
def test_two_workers_that_share_momentum_are_as_one(name: Name) -> None:
    """Adam's count of steps included."""
    settings: Any = {"momentum": 0.9, "weight_decay": 0.01}
    alone_team, shared_team, separate_team = (
        team_of(optimizer=factory(name, **settings), shared_momentum=shared) for shared in (True, True, False)
    )
    expected = steps(alone_team, "aaaaaa")
    assert same(steps(shared_team, "abbaba"), expected)
    assert not same(steps(separate_team, "abbaba"), expected)
    if name == "adam":
        a, b = (next(iter(shared_team.replica.layers[0].optimizers[w].state.values())) for w in "ab")
        assert a is b
        assert int(a["step"]) == 6


def batch_normed() -> dict[str, nn.Module]:
    """Layers whose matrices and vectors alternate, so that groups have another order than parameters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first = nn.Linear(3, 5)
        vars(first.weight)["muon"] = True
        return {"first": nn.Sequential(first, nn.BatchNorm1d(5)), "last": nn.Linear(5, 2)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shared", [True, False])
def test_groups_of_parameters_have_their_own_gradients_and_all_have_the_rate(name: Name, shared: bool) -> None:
    settings: Any = {"momentum": 0.9, "weight_decay": 0.01, "decay_bn": False}
    team = team_of(batch_normed(), optimizer=factory(name, **settings), shared_momentum=shared)
    modules = batch_normed()
    params = {key: list(module.parameters()) for key, module in modules.items()}
    optimizers = [build(name, layer_params, lr=RATE, **settings) for layer_params in params.values()]
    for _ in range(3):
        gradients = backward(team, forward(team))
        for gradient in gradients:
            for p, tensor in zip(params[gradient.layer.name], gradient.tensors, strict=True):
                p.grad = tensor.clone()
        for optimizer in optimizers:
            optimizer.step()
        team.update(gradients, "w", 0.0)
    for layer in team.replica.layers:
        assert same([p.detach() for p in layer.params], [p.detach() for p in params[layer.name]])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shared", [True, False])
def test_a_team_restored_goes_on_alike(name: Name, shared: bool) -> None:
    settings: Any = {"momentum": 0.9, "weight_decay": 0.01, "decay_bn": False}
    team, restored = (
        team_of(batch_normed(), optimizer=factory(name, **settings), shared_momentum=shared, steps=20) for _ in range(2)
    )
    steps(team, "abba")
    restored.load_state_dict(team.state_dict())
    team.begin_epoch(1)
    restored.begin_epoch(1)
    assert same(steps(team, "babab"), steps(restored, "babab"))


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_may_lie_in_memory_otherwise_than_the_weights(name: Name) -> None:
    """A mean of gradients does so where convolutions have their channels last."""

    def network() -> dict[str, nn.Module]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return {"only": nn.Conv2d(3, 4, 3)}

    moves = []
    for layout in (torch.contiguous_format, torch.channels_last):
        layers = {key: module.to(memory_format=layout) for key, module in network().items()}
        team = team_of(layers, optimizer=factory(name, momentum=0.9))
        layer = team.replica.layers[0]
        for seed in range(2):
            draw = torch.Generator().manual_seed(seed)
            tensors = tuple(torch.randn(p.shape, generator=draw) for p in layer.params)
            team.update([TorchGradient(layer, 0, Read(0, 0.0), tensors=tensors)], "w", 0.0)
        moves.append([p.detach().clone() for p in layer.params])
    close(*moves)


def test_a_layer_without_parameters_is_updated_in_name_only() -> None:
    team = team_of({"shape": nn.Flatten(), "last": nn.Linear(3, 2)})
    before = weight(team, 1).clone()
    team.update(backward(team, forward(team)), "w", 0.0)
    assert not torch.equal(weight(team, 1), before)
    assert [layer.updates for layer in team.replica.layers] == [1, 1]
