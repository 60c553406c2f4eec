"""Reads a network with noise on its weights, and the network itself with the samples near its boundaries counted."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..describe import detached_tensors, read_items
from ..item_writer import Item
from ..settings import Settings
from .batches import cut_inputs, num_inputs
from .evidence import NetworkReader, Reader, affine_places, naming
from .feeding import Call
from .layer_choice import LayerChoice
from .module_calls import module_names
from .module_reader import ModuleReader
from .readers import reads_by_hooks
from .running import undisturbed

ops = torch.ops.funcsim


@dataclass(frozen=True)
class Options:
    """How the network and its copies are read.

    Attributes:
        settings: What decides the bits, and the seed of the noise.
        eps: What counts as near, relative to the root mean square of a layer's pre-activations.
        sigmas: Of the noise, relative to the root mean square of each tensor.
        repeats: Draws of the noise.
        choice: Which hidden layers are wanted.
        call: Runs a module on a batch.
    """

    settings: Settings
    eps: float
    sigmas: Sequence[float]
    repeats: int
    choice: LayerChoice
    call: Call | None


def flicker_reader(model: nn.Module, options: Options) -> "_FlickerNetworkReader | _FlickerModuleReader":
    """Reads the network itself."""
    reason = reads_by_hooks(model, options.call)
    if reason is None:
        return _FlickerNetworkReader(model, options)
    return _FlickerModuleReader(model, options, reason)


def noisy_readers(model: nn.Module, options: Options) -> Iterator[Reader[Any]]:
    """Read copies with noise: for each repeat, for each sigma."""
    # Drawn on the CPU, so that it is the same noise on every device.
    generator = torch.Generator("cpu").manual_seed(options.settings.seed)
    if reads_by_hooks(model, options.call) is None:
        yield from _noisy_networks(model, options, generator)
        return
    for _ in range(options.repeats):
        noise = _Noise(generator)
        for sigma in options.sigmas:
            yield _NoisyModuleReader(model, options, noise, sigma)


def _copy_role(sigma: float) -> str:
    return f"the copy with noise of sigma {sigma:g}"


def _drawn(tensor: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(tensor.shape, generator=generator, dtype=torch.float32, device="cpu")


def _with_noise(tensor: Tensor, noise: Tensor, sigma: float, name: str) -> Tensor:
    """A tensor with noise of sigma times its root mean square.

    Raises:
        ValueError: It leaves the range of its dtype.
    """
    with torch.inference_mode(tensor.is_inference()):  # only such a tensor can take the place of one
        wide = tensor.detach().double()
        noisy = (wide + sigma * wide.square().mean().sqrt() * noise.to(wide)).to(tensor.dtype)
    if wide.isfinite().all() and not noisy.isfinite().all():
        raise ValueError(
            f"sigmas must leave weights in the range of their dtype, got {sigma:g}, with which the {name} isn't in "
            f"that of {tensor.dtype}"
        )
    return noisy


class _FlickerNetworkReader(NetworkReader):
    """Of a Sequential, by operators."""

    def __init__(self, model: nn.Module, options: Options):
        assert isinstance(model, nn.Sequential)
        super().__init__("", model, options.settings, with_shuffled=False, with_moments=True, choice=options.choice)
        self._eps = options.eps
        self._distances: Tensor | None = None  # of each layer, float64 [layers, 1]
        self._near: list[Tensor] = []

    def add(self, piece: Tensor) -> None:
        first_input = self._num_inputs
        super().add(piece)
        settings = self._settings
        if self._distances is None:
            squares = [(means.square() + variances).mean() for means, variances in self.moments]
            self._distances = self._eps * torch.stack(squares).sqrt()[:, None]
        near = ops.boundary_counts(
            self.architecture,
            self.parameters,
            piece,
            self._distances,
            settings.margin,
            settings.operator_positions,
            settings.seed,
            first_input,
        )
        self._near = [a + b for a, b in zip(self._near, near, strict=True)] if self._near else near

    def near(self) -> list[Tensor]:
        """Of all layers, how many samples are near each unit's boundary."""
        return [self._near[place].cpu()[:, 0] for place in self._places]


class _FlickerModuleReader(ModuleReader):
    """Of any module, by hooks."""

    def __init__(self, model: nn.Module, options: Options, reason: str):
        super().__init__(
            "",
            model,
            options.settings,
            with_shuffled=False,
            choice=options.choice,
            call=options.call,
            notes=(reason,) if reason else (),
        )
        self._eps = options.eps
        self._distances: list[float] = []
        self._near: dict[int, Tensor] = {}

    def add(self, piece: Any) -> None:
        if not self._distances:
            self._distances = [self._eps * size for size in self._sizes(piece)]
        super().add(piece)

    def _sizes(self, piece: Any) -> list[float]:
        """The root mean square of each layer's pre-activations, at all positions."""
        squares = [0.0] * len(self.names)
        numbers = [0] * len(self.names)

        def see(place: int, z: Tensor) -> None:
            squares[place] += float(z.double().square().sum())
            numbers[place] += z.numel()

        count = num_inputs(piece)
        with naming(self.role), undisturbed(self._model, self._settings.seed):
            for start in range(0, count, self._run_size):
                self._each_layer(cut_inputs(piece, start, min(count, start + self._run_size)), see)
        return [(square / number) ** 0.5 for square, number in zip(squares, numbers, strict=True)]

    def _take(self, place: int, samples: Tensor) -> None:
        distances = (samples.double() - self._settings.margin).abs()
        near = (distances <= self._distances[place]).sum(dim=0).cpu()
        self._near[place] = self._near.get(place, 0) + near
        super()._take(place, samples)

    def near(self) -> list[Tensor]:
        """Of all layers, how many samples are near each unit's boundary."""
        return [self._near[place] for place in range(len(self.names))]


class _NoisyNetworkReader(NetworkReader):
    """Reads a Sequential with other tensors than its own."""

    def __init__(self, model: nn.Sequential, options: Options, items: list[Item], sigma: float):
        super().__init__(_copy_role(sigma), model, options.settings, with_shuffled=True, choice=options.choice)
        self.parameters = detached_tensors(items)


def _noisy_networks(model: nn.Module, options: Options, generator: torch.Generator) -> Iterator[Reader[Any]]:
    assert isinstance(model, nn.Sequential)
    items = read_items(model)
    hidden = set(affine_places(items)[:-1])
    for _ in range(options.repeats):
        noise = {
            (item.place, name): _drawn(tensor, generator)
            for item in items
            if item.place in hidden
            for name, tensor in item.tensors.items()
        }
        for sigma in options.sigmas:
            yield _NoisyNetworkReader(model, options, [_noisy_item(item, noise, sigma) for item in items], sigma)


def _noisy_item(item: Item, noise: dict[tuple[str, str], Tensor], sigma: float) -> Item:
    tensors = {
        name: _with_noise(tensor, noise[item.place, name], sigma, f"{name} of module {item.place}")
        if (item.place, name) in noise
        else tensor
        for name, tensor in item.tensors.items()
    }
    return replace(item, tensors=tensors)


class _Noise:
    """One draw of the noise, for copies of all sigmas."""

    def __init__(self, generator: torch.Generator):
        self._generator = generator
        self._drawn: dict[nn.Parameter, Tensor] = {}

    def of(self, parameters: Iterable[nn.Parameter]) -> dict[nn.Parameter, Tensor]:
        """The noise on parameters: the same for all that ask. They ask for the same ones."""
        for parameter in parameters:
            if parameter not in self._drawn:
                self._drawn[parameter] = _drawn(parameter, self._generator)
        return self._drawn


class _NoisyModuleReader(ModuleReader):
    """Runs any module with noise on the parameters of the affine modules that run, but for the last."""

    def __init__(self, model: nn.Module, options: Options, noise: _Noise, sigma: float):
        super().__init__(
            _copy_role(sigma), model, options.settings, with_shuffled=True, choice=options.choice, call=options.call
        )
        self._noise = noise
        self._sigma = sigma
        self._noisy: dict[nn.Parameter, Tensor] = {}

    def plan(self, first: Any, expected_inputs: int) -> int:
        most = super().plan(first, expected_inputs)
        names = module_names(self._model)
        parameters = {
            parameter: f"{name} of module {names[module]}"
            for module in self.hidden_modules
            for name, parameter in module.named_parameters()
            if parameter.is_floating_point()
        }
        without = [names[module] for module in self.hidden_modules if not any(True for _ in module.parameters())]
        if without:
            raise ValueError(f"there is nothing to put noise on in {', '.join(without)}, without parameters")
        drawn = self._noise.of(parameters)
        self._noisy = {
            parameter: _with_noise(parameter, drawn[parameter], self._sigma, name)
            for parameter, name in parameters.items()
        }
        return most

    def add(self, piece: Any) -> None:
        with _values(self._noisy):
            super().add(piece)


@contextmanager
def _values(values: dict[nn.Parameter, Tensor]) -> Iterator[None]:
    """Lends parameters other values."""
    own = {parameter: parameter.data for parameter in values}
    try:
        for parameter, value in values.items():
            parameter.data = value
        yield
    finally:
        for parameter, value in own.items():
            parameter.data = value
