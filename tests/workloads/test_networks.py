"""Networks cut into layers: torchvision's parameter for parameter where it has them, else as their papers count."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.errors import UserError
from benchmarks.workloads.networks.build import build, forward_all
from benchmarks.workloads.networks.names import NETWORKS, layer_count

STAGES = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}
SMALL: dict[str, dict[str, Any]] = {
    **{name: {"width": 8, "blocks": (1,) * len(definition.blocks)} for name, definition in NETWORKS.items()},
    "resnet18": {"width": 4},
    "resnet50": {"width": 4, "blocks": (1, 1, 1, 1)},
    "resnet20": {"width": 4, "blocks": (1, 1, 1)},
    "wrn16_8": {"width": 1, "blocks": (1, 1, 1)},
    "squeezenet": {"width": 4},
    "lstm": {"width": 8, "vocabulary": 50, "embedding": 6},
}
OF_TEXTS = [name for name, definition in NETWORKS.items() if definition.inputs != "images"]


def small(network: str, seed: int = 0) -> dict[str, nn.Module]:
    shape = (12,) if network in OF_TEXTS else (3, 32, 32)
    return build(network, classes=5, shape=shape, seed=seed, **SMALL[network])


def resnet(network: str, *, channels: int = 3, **settings: Any) -> dict[str, nn.Module]:
    return build(network, shape=(channels, 32, 32), **settings)


def inputs(network: str) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return (
        torch.randint(0, 50, (3, 12), generator=draw)
        if network == "lstm"
        else torch.randn(3, 3, 32, 32, generator=draw)
    )


def forward_flops(module: nn.Module, x: Tensor) -> tuple[int, Tensor]:
    """Counted on the meta device, with the output for the next layer."""
    states = {key: torch.empty_like(value, device="meta") for key, value in module.state_dict().items()}
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        y: Tensor = torch.func.functional_call(module, states, (x,))
    return counter.get_total_flops(), y


@pytest.mark.parametrize("network", NETWORKS)
def test_its_layers_are_counted_without_building_it(network: str) -> None:
    assert len(small(network)) == layer_count(network, SMALL[network].get("blocks"))
    assert layer_count(network) == layer_count(network, NETWORKS[network].blocks)


def parameters(layers: dict[str, nn.Module]) -> int:
    return sum(p.numel() for layer in layers.values() for p in layer.parameters())


def state(layers: dict[str, nn.Module]) -> list[Tensor]:
    return list(chain.from_iterable(layer.state_dict().values() for layer in layers.values()))


def take_over(layers: dict[str, nn.Module], reference: nn.Module) -> None:
    """The reference's tensors, which have to be as many, in the same order and of the same shapes."""
    tensors, reference_tensors = state(layers), list(reference.state_dict().values())
    assert [tensor.shape for tensor in tensors] == [tensor.shape for tensor in reference_tensors]
    with torch.no_grad():
        for tensor, reference_tensor in zip(tensors, reference_tensors, strict=True):
            tensor.copy_(reference_tensor)


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_at_width_64_with_the_imagenet_stem_it_is_torchvisions(network: str) -> None:
    """Compares tensors and their order and, with equal weights, the logits in training and evaluation."""
    layers = resnet(network, classes=10, stem="imagenet")
    reference: nn.Module = getattr(torchvision.models, network)(num_classes=10)
    take_over(layers, reference)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for mode in (True, False):
        reference.train(mode)
        for layer in layers.values():
            layer.train(mode)
        with torch.no_grad():
            assert torch.equal(forward_all(list(layers.values()), images), reference(images))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_seed_alone_decides_the_initial_weights(network: str) -> None:
    torch.manual_seed(1)
    first = state(small(network, seed=3))
    torch.manual_seed(2)
    again = state(small(network, seed=3))
    other = state(small(network, seed=4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize(
    ("network", "stem", "classes", "expected"),
    [
        # 0.27M (He et al., table 6); 272,474 would be those of projection shortcuts, option B.
        ("resnet20", "cifar", 10, 269_722),
        ("resnet20", "cifar", 100, 275_572),
        ("wrn16_8", "cifar", 10, 10_961_370),  # 11.0M (Zagoruyko and Komodakis, table 4)
        ("squeezenet", "cifar", 10, 727_626 + 2 * (64 + 9 * 320)),  # and BatchNorm's
        ("squeezenet", "imagenet", 1000, 1_235_496),  # torchvision's squeezenet1_1
        ("resnet18", "imagenet", 1000, 11_689_512),  # torchvision's; the CIFAR stem has 64 x 3 x (49 - 9) fewer
        ("resnet50", "imagenet", 1000, 25_557_032),
        ("resnet18", "cifar", 100, 11_220_132),
    ],
)
def test_published_parameter_counts(network: str, stem: str, classes: int, expected: int) -> None:
    assert parameters(build(network, classes=classes, shape=(3, 32, 32), stem=stem)) == expected


@pytest.mark.parametrize("network", [name for name in NETWORKS if name not in OF_TEXTS])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 8, 16), (3, 32, 32)])
def test_embedded_images_fit_every_network(network: str, shape: tuple[int, int, int]) -> None:
    layers = build(network, classes=7, shape=shape, **SMALL[network])
    assert forward_all(list(layers.values()), torch.zeros(2, *shape)).shape == (2, 7)


def test_work_of_the_lstm_is_counted() -> None:
    """Only on the meta device, where an LSTM is made of products: 4 gates, each of the input and the hidden state."""
    flops, _ = forward_flops(small("lstm")["lstm1"], torch.empty(3, 12, 6, device="meta"))
    assert flops == 2 * 3 * 12 * 4 * 8 * (6 + 8)


def test_squeezenet_with_the_imagenet_stem_is_torchvisions() -> None:
    layers = build("squeezenet", classes=10, shape=(3, 64, 64), stem="imagenet")
    reference = torchvision.models.squeezenet1_1(num_classes=10).eval()
    take_over(layers, reference)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(forward_all(list(layers.values()), images), reference(images))


def test_the_lstm_is_torchs_of_two_layers() -> None:
    layers = small("lstm")
    reference = nn.LSTM(6, 8, num_layers=2, batch_first=True)
    tensors = state({name: layers[name] for name in ("lstm1", "lstm2")})
    with torch.no_grad():
        for tensor, reference_tensor in zip(tensors, reference.state_dict().values(), strict=True):
            reference_tensor.copy_(tensor)
    words = inputs("lstm")
    expected = reference(layers["embedding"](words))[0]
    torch.testing.assert_close(layers["lstm2"](layers["lstm1"](layers["embedding"](words))), expected)
    linear = list(layers["head"].children())[-1]
    torch.testing.assert_close(forward_all(list(layers.values()), words), linear(expected[:, -1]))


def test_what_cannot_be_built_is_said() -> None:
    with pytest.raises(UserError, match=r"resnet20 needs 3 numbers of blocks, as in \(3, 3, 3\), not \(1, 1\)"):
        build("resnet20", classes=10, shape=(3, 32, 32), blocks=(1, 1))
    with pytest.raises(UserError, match="vocabulary"):
        build("lstm", classes=2, shape=(32,))
