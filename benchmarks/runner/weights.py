"""Reads and writes the final weights of a run, `weights.safetensors` in its folder.

Tensors, including buffers, are named LAYER.PARAMETER; the metadata hold the run's id, the network's name and the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from results.errors import ResultsError
from results.files import replace
from results.reading import content

if TYPE_CHECKING:
    from torch import Tensor, nn

FILE = "weights.safetensors"
_HEADER_BYTES = 2**26


def remove(folder: Path) -> None:
    """Removes weights of an earlier attempt, and files that a killed process left half-written."""
    for path in (folder / FILE, *folder.glob(f".{FILE}.*")):
        path.unlink(missing_ok=True)


def write(folder: Path, layers: Mapping[str, nn.Module], *, network: str, epoch: float) -> None:
    """Writes the layers' weights into the run's folder atomically. epoch: of their evaluation.

    Raises ResultsError if the file cannot be written.
    """
    from safetensors.torch import save

    tensors = {name: value.to("cpu", copy=True).contiguous() for name, value in _tensors(layers).items()}
    replace(folder / FILE, save(tensors, {"run": folder.name, "network": network, "epoch": f"{epoch:g}"}))


def load(path: Path, layers: Mapping[str, nn.Module]) -> None:
    """Loads what `write` wrote into the layers.

    Raises ResultsError if it cannot be read, or has other names, shapes or types than the layers.
    """
    expected = _tensors(layers)
    read = _read(path, _HEADER_BYTES + sum(value.nbytes for value in expected.values()))
    if problem := _difference(read, expected):
        raise ResultsError(f"{path} has weights of another network: {problem}.")
    for layer, module in layers.items():
        module.load_state_dict({name: read[f"{layer}.{name}"] for name in module.state_dict()})


def _tensors(layers: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {f"{layer}.{name}": value for layer, module in layers.items() for name, value in module.state_dict().items()}


def _read(path: Path, at_most: int) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load as parsed

    try:
        return parsed(content(path, at_most))
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({error.strerror or error}).") from error
    except (SafetensorError, ValueError, LookupError, TypeError) as error:
        raise ResultsError(f"{path} is no whole file of weights ({error}).") from error


def _difference(read: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Names the first tensor that is not as expected; "" for none."""
    for name in (*expected, *read):
        if name not in read or name not in expected:
            return f"it has {'no' if name in expected else 'a'} tensor {name}"
        actual, needed = (f"{tuple(tensor.shape)} of {tensor.dtype}" for tensor in (read[name], expected[name]))
        if actual != needed:
            return f"{name} is {actual}, and has to be {needed}"
    return ""
