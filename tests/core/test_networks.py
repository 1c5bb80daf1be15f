"""ResNets cut into layers are torchvision's, parameter for parameter."""

from __future__ import annotations

from itertools import chain

import pytest
import torch
import torchvision
from torch import Tensor, nn

from benchmarks.networks import forward_all, resnet

STAGES = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}


def state(layers: dict[str, nn.Module]) -> list[Tensor]:
    return list(chain.from_iterable(layer.state_dict().values() for layer in layers.values()))


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_at_width_64_with_the_imagenet_stem_it_is_torchvisions(network: str) -> None:
    """The same tensors in the same order; given the same weights, the same logits, in training and evaluation."""
    layers = resnet(network, classes=10, stem_kind="imagenet")
    reference: nn.Module = getattr(torchvision.models, network)(num_classes=10)
    theirs = list(reference.state_dict().values())
    assert [tensor.shape for tensor in state(layers)] == [tensor.shape for tensor in theirs]
    with torch.no_grad():
        for mine, their in zip(state(layers), theirs, strict=True):
            mine.copy_(their)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for mode in (True, False):
        reference.train(mode)
        for layer in layers.values():
            layer.train(mode)
        with torch.no_grad():
            assert torch.equal(forward_all(list(layers.values()), images), reference(images))


@pytest.mark.parametrize(
    ("network", "stem", "classes", "parameters"),
    [
        ("resnet18", "imagenet", 1000, 11_689_512),
        ("resnet50", "imagenet", 1000, 25_557_032),
        ("resnet18", "cifar", 100, 11_220_132),
        ("resnet50", "cifar", 100, 23_705_252),
    ],
)
def test_parameter_counts(network: str, stem: str, classes: int, parameters: int) -> None:
    """torchvision's published counts, and those of the CIFAR stem: 64 x 3 x (9 - 49) fewer in the stem."""
    layers = resnet(network, classes=classes, stem_kind=stem)
    assert sum(p.numel() for layer in layers.values() for p in layer.parameters()) == parameters


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_layers_are_cut_at_the_residual_blocks(network: str) -> None:
    blocks = [f"stage{s + 1}.{i}" for s, count in enumerate(STAGES[network]) for i in range(count)]
    assert list(resnet(network, classes=3, width=4)) == ["stem", *blocks, "head"]
    assert list(resnet(network, classes=3, width=4, blocks=(1, 1, 1, 1)))[1:-1] == [f"stage{s}.0" for s in (1, 2, 3, 4)]


@pytest.mark.parametrize(("stem", "size"), [("cifar", 4), ("imagenet", 1)])
def test_the_cifar_stem_keeps_the_resolution(stem: str, size: int) -> None:
    """32 x 32 images are 4 x 4 before the head, where the ImageNet stem has 1 x 1 left."""
    layers = resnet("resnet18", classes=5, width=4, stem_kind=stem)
    images = torch.zeros(2, 3, 32, 32)
    before = forward_all(list(layers.values())[:-1], images)
    assert before.shape == (2, 32, size, size)
    assert forward_all(list(layers.values()), images).shape == (2, 5)


def test_any_number_of_channels_and_pixels() -> None:
    layers = resnet("resnet50", classes=7, channels=1, width=2, blocks=(1, 1, 1, 1))
    assert forward_all(list(layers.values()), torch.zeros(3, 1, 8, 16)).shape == (3, 7)


def test_the_seed_alone_decides_the_initial_weights() -> None:
    torch.manual_seed(1)
    first = state(resnet("resnet18", classes=10, width=4, seed=3))
    torch.manual_seed(2)
    again = state(resnet("resnet18", classes=10, width=4, seed=3))
    other = state(resnet("resnet18", classes=10, width=4, seed=4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    resnet("resnet18", classes=10, width=4, seed=3)
    assert torch.equal(before, torch.get_rng_state())


def test_convolutions_start_as_torchvisions() -> None:
    """Kaiming normal by fan out: a standard deviation of sqrt(2 / (out channels x kernel))."""
    for layer in resnet("resnet18", classes=10, width=32).values():
        for module in layer.modules():
            if isinstance(module, nn.Conv2d) and module.weight.numel() > 5000:
                expected = (2 / (module.out_channels * module.kernel_size[0] ** 2)) ** 0.5
                assert float(module.weight.std().detach()) == pytest.approx(expected, rel=0.05)
            if isinstance(module, nn.BatchNorm2d):
                assert bool((module.weight == 1).all())
                assert bool((module.bias == 0).all())
