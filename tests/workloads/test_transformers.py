"""`gpt` and `vit`: shapes, causality, bits, initial weights, FLOPs, and what the optimizer is told of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

import methods
from benchmarks.errors import UserError
from benchmarks.hardware.flops import layer_work, step_flops
from benchmarks.runner import plan
from benchmarks.workloads import shapes
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.networks.build import build, forward_all
from benchmarks.workloads.networks.names import layer_names
from benchmarks.workloads.networks.transformer import Attention
from benchmarks.workloads.workload import workload

TOKENS, CONTEXT = 65, 16


def gpt(**settings: Any) -> dict[str, nn.Module]:
    return build("gpt", **{"classes": TOKENS, "shape": (CONTEXT,), "width": 48, "blocks": (2,), **settings})


def vit(**settings: Any) -> dict[str, nn.Module]:
    return build("vit", **{"classes": 10, "shape": (3, 32, 32), "width": 48, "blocks": (2,), **settings})


def tokens(seed: int = 0, batch: int = 3) -> Tensor:
    return torch.randint(TOKENS, (batch, CONTEXT), generator=torch.Generator().manual_seed(seed))


def parameters(layers: dict[str, nn.Module]) -> list[nn.Parameter]:
    return [parameter for layer in layers.values() for parameter in layer.parameters()]


@pytest.mark.parametrize("made", [gpt, vit])
def test_its_layers_are_the_blocks_between_embedding_and_head(made: Any) -> None:
    assert list(made()) == layer_names(made.__name__, (2,)) == ["embedding", "block1", "block2", "head"]


def test_as_published_gpt_is_nanogpts_of_0_80_million() -> None:
    """Which counts the tied weights once and leaves out the positions: see its `get_num_params`."""
    layers = build("gpt", classes=TOKENS, shape=(64,))
    assert sum(p.numel() for p in parameters(layers)) == 795_904 + 64 * 128 + TOKENS * 128


@pytest.mark.parametrize("width", [1, 8, 33, 48, 64, 100])
def test_any_width_will_do(width: int) -> None:
    assert forward_all(list(gpt(width=width).values()), tokens()).shape == (3, CONTEXT, TOKENS)
    assert forward_all(list(vit(width=width).values()), torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_a_later_token_changes_no_earlier_logits() -> None:
    layers = list(gpt(heads=4).values())
    text, changed_text = tokens(), tokens()
    changed_text[:, 9:] = tokens(seed=1)[:, 9:]
    with torch.no_grad():
        logits, changed_logits = forward_all(layers, text), forward_all(layers, changed_text)
        assert torch.equal(logits[:, :9], changed_logits[:, :9])
        assert not torch.isclose(logits[:, 9:], changed_logits[:, 9:]).all(-1).any()
        torch.testing.assert_close(forward_all(layers, text[:, :9]), logits[:, :9])  # a shorter text than the context


def test_every_patch_is_seen_from_every_other() -> None:
    layers = vit()
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0), requires_grad=True)
    places = layers["block1"](layers["embedding"](image))
    (gradient,) = torch.autograd.grad(places[0, 0].square().sum(), image)
    assert places.shape == (1, 64, 48)
    assert gradient[0, :, -4:, -4:].any(), "the last patch's pixels"


def test_patches_are_taken_row_by_row() -> None:
    """A single lit patch changes one place of the output against a dark image."""
    layers = vit(shape=(1, 8, 16), patch=2)
    image = torch.zeros(2, 1, 8, 16)
    image[1, 0, 4:6, 2:4] = 1.0
    dark, lit = layers["embedding"](image)
    assert (dark != lit).any(-1).nonzero().flatten().tolist() == [2 * 8 + 1]


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_torchs(causal: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, 7, 5, generator=draw) for _ in range(3))
    torch.testing.assert_close(Attention(causal)(q, k, v), scaled_dot_product_attention(q, k, v, is_causal=causal))


@pytest.mark.parametrize(("made", "given"), [(gpt, tokens()), (vit, torch.ones(3, 3, 32, 32))])
def test_both_passes_repeat_to_the_bit(made: Any, given: Tensor) -> None:
    def passes() -> list[Tensor]:
        layers = made(seed=5)
        outputs = forward_all(list(layers.values()), given)
        loss = cross_entropy(outputs.flatten(0, -2), torch.arange(outputs.flatten(0, -2).shape[0]) % 10)
        return [outputs, *torch.autograd.grad(loss, parameters(layers))]

    first = passes()
    for _ in range(3):
        assert all(torch.equal(a, b) for a, b in zip(first, passes(), strict=True))


def test_the_head_has_weights_of_its_own() -> None:
    layers = gpt()
    embedding, head = layers["embedding"], layers["head"]
    assert not {p.data_ptr() for p in embedding.parameters()} & {p.data_ptr() for p in head.parameters()}
    assert [len(list(layer.buffers())) for layer in layers.values()] == [0] * 4, "nothing that replicas would average"


def test_the_initial_weights_are_gpt_2s() -> None:
    """Each token is about as likely as any other; what is added to the residual stream is divided by sqrt(2 blocks)."""
    layers = gpt(width=128, blocks=(8,))
    loss = cross_entropy(forward_all(list(layers.values()), tokens()).flatten(0, 1), tokens().flatten())
    assert loss.item() == pytest.approx(math.log(TOKENS), abs=0.1)
    spread = {name: p.std().item() for name, p in layers["block1"].named_parameters() if p.ndim > 1}
    assert spread == pytest.approx(
        {
            "attention.queries_keys_values.weight": 0.02,
            "attention.projection.weight": 0.02 / 4,
            "expansion.weight": 0.02,
            "projection.weight": 0.02 / 4,
        },
        rel=0.03,
    )


def test_decay_spares_positions_norms_and_biases() -> None:
    """The mark outlasts a move to another type, or device."""
    for layers, positions in ((gpt(), (CONTEXT, 48)), (vit(), (64, 48))):
        for layer in layers.values():
            for parameter in layer.double().parameters():
                assert vars(parameter)["no_decay"] == (parameter.ndim == 1 or parameter.shape == positions)


@pytest.mark.parametrize(("layers", "d", "t", "v"), [(4, 128, 64, 65), (2, 48, 16, 100)])
def test_the_flops_of_gpt_are_those_of_its_products(layers: int, d: int, t: int, v: int) -> None:
    """Forward, of a token: 24 d^2 in a block, 4 d for each place it may see, masked or not, and 2 d v in the head."""
    work = layer_work(gpt(classes=v, shape=(t,), width=d, blocks=(layers,)), (2, t), torch.int64)
    block = 24 * d**2 * t + 4 * d * t**2
    assert [layer.forward_flops / 2 for layer in work] == [0, *[block] * layers, 2 * d * v * t]
    assert step_flops(work) == 3 * 2 * (layers * block + 2 * d * v * t)


def test_what_does_not_divide_is_refused() -> None:
    """A plan asks the same, before anything is trained."""
    with pytest.raises(UserError, match=r"heads=3 does not divide the 64 channels"):
        gpt(width=64, heads=3)
    with pytest.raises(UserError, match=r"patch=4 does not divide the 8 x 18 pixels"):
        vit(shape=(1, 8, 18))


@pytest.mark.parametrize(
    ("family", "network", "fields", "needed"),
    [
        # of a training batch: what four blocks keep, and what a pass needs; four times the outputs
        ("tinyshakespeare", "gpt", {"tokens.context": "1024", "batch": "3"}, 3 * (4 + 2) * 1024**2 + 4 * 3 * 1024 * 43),
        # of a test batch of all 360 images
        ("cifar10", "vit", {"patch": "1", "batch": "1"}, 360 * 2 * 64**2 + 4 * 10),
    ],
)
def test_attention_that_would_fill_the_memory_is_refused(
    family: str, network: str, fields: dict[str, str], needed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = workload(family, network, "smoke", fields)
    monkeypatch.setattr(shapes, "machine_memory", lambda: 2 * 4 * needed)
    shapes.check_memory(work, card(work.dataset))
    monkeypatch.setattr(shapes, "machine_memory", lambda: 2 * 4 * needed - 2)
    with pytest.raises(UserError, match=r"attention over (64|1,024) places"):
        plan.alone(work, methods.create("bp"))


def test_a_test_batch_over_many_places_is_no_larger_than_memory_allows() -> None:
    def samples(network: str, **fields: str) -> int:
        family = "tinyshakespeare" if network == "gpt" else "cifar10"
        work = workload(family, network, "smoke", {key.replace("__", "."): value for key, value in fields.items()})
        return shapes.test_batch(work, card(work.dataset))

    assert samples("gpt") == samples("gpt", tokens__context="64") == samples("vit") == 500
    assert samples("gpt", tokens__context="256", batch="8") == 32
    assert samples("gpt", tokens__context="4096", batch="8") == 8
