"""Reads any module: its hidden layers are found by running it, and their pre-activations by hooks."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..settings import Settings
from .batches import cut_inputs, named_tensors, num_inputs, pieces
from .evidence import Reader, naming
from .feeding import Call, run_on, token_mask
from .hidden_calls import HiddenCall, find_hidden_calls, listed, run_size
from .inputs import Inputs
from .layer_choice import LayerChoice
from .layer_evidence import HOOKS, Evidence
from .module_calls import Key, hooked, unit_axis
from .running import ParameterSums, first_tensor, has_kernels, undisturbed
from .samples import Sampler, samples_per_input

ops = torch.ops.funcsim


class ModuleReader(Reader[Any]):
    """Collects the evidence on any module. It is run in eval mode, and left as it was.

    A unit's pre-activation is in the network's own units: nothing is known of what its scale does.
    """

    read = HOOKS

    def __init__(
        self,
        role: str,
        model: nn.Module,
        settings: Settings,
        *,
        with_shuffled: bool,
        choice: LayerChoice | None = None,
        call: Call | None = None,
        notes: tuple[str, ...] = (),
    ):
        """Reads the module.

        Args:
            role: "network a" or "network b" for messages; may be empty.
            model: The network.
            settings: What decides the bits.
            with_shuffled: Whether to collect what the chance level needs.
            choice: Which hidden layers are wanted.
            call: Runs the module on a batch, where it isn't called in the usual way.
            notes: What the network's user should know.

        Raises:
            ValueError: It has no weights yet, or none with values.
        """
        super().__init__(role, settings, choice, with_shuffled=with_shuffled)
        self._model = model
        self._call = call
        self.notes = [*notes]
        with naming(role):
            _check_initialised(self._model)
        tensor = first_tensor(self._model)
        self.device = None if tensor is None else tensor.device
        if self.device is not None and self.device.type == "meta":
            with naming(role):
                raise ValueError("the module is on the meta device, which holds no values")
        self.input_shape: tuple[int, ...] = ()
        self.hidden_modules: list[nn.Module] = []  # affine ones, of all hidden layers, whether wanted or not
        self._calls: list[HiddenCall] = []
        self._rest: list[Tensor | None] = []  # of every layer, samples that don't fill a byte yet
        self._times: dict[str, int] = {}  # how often the layers' modules run
        self._run_size = 0
        self._sums: ParameterSums | None = None

    @property
    def evidence_device(self) -> torch.device | None:
        """Where signatures are: on the CPU for devices that operators have no kernels for."""
        return self.device if self.device is None or has_kernels(self.device) else torch.device("cpu")

    @property
    def architecture(self) -> str:
        """The class of the module and its hidden layers, for people."""
        layers = ", ".join(f"{call.name}: {type(call.module).__name__}" for call in self._calls)
        return f"{type(self._model).__name__}({layers})"

    def pieces(self, inputs: Inputs) -> Iterator[Any]:
        """The inputs as :meth:`plan` and :meth:`add` take them."""
        return pieces(inputs, whole=self._call is not None)

    def plan(self, first: Any, expected_inputs: int) -> int:
        """Finds the hidden layers. Returns the samples an input of the layer with most."""
        self.input_shape = tuple(next(tensor.shape[1:] for _, tensor in named_tensors(first) if tensor.dim() > 0))
        self._sums = ParameterSums(self._model)
        with naming(self.role), undisturbed(self._model, self._settings.seed):
            found = find_hidden_calls(self._model, first, self._call, self.choice)
        self._calls = found.layers
        self.hidden_modules = found.modules
        self.notes += found.notes
        self.names = [call.name for call in self._calls]
        self._rest = [None] * len(self._calls)
        self._run_size = run_size(found.bytes_per_input, self.device)
        return self._begin([samples_per_input(call.grid, self._settings) for call in self._calls], expected_inputs)

    def add(self, piece: Any) -> None:
        """Takes the next inputs."""
        count = num_inputs(piece)
        with naming(self.role), undisturbed(self._model, self._settings.seed):
            for start in range(0, count, self._run_size):
                run = cut_inputs(piece, start, min(count, start + self._run_size))
                self._run(run)
                self.progress.advance(num_inputs(run))

    def _run(self, batch: Any) -> None:
        count = num_inputs(batch)
        sampler = Sampler(self._settings, self._num_inputs, count, token_mask(batch))

        def see(place: int, z: Tensor) -> None:
            self._take(place, sampler.samples(z, self._layers[place].samples_per_input))

        self._each_layer(batch, see)
        self._count(count)

    def _each_layer(self, batch: Any, see: Callable[[int, Tensor], None]) -> None:
        """Runs the module and shows every layer.

        Args:
            batch: Inputs of a run.
            see: Is given the number of a layer and its pre-activations, ``[inputs, grid..., units]``.
        """
        count = num_inputs(batch)
        wanted = {call.source: place for place, call in enumerate(self._calls)}

        def see_call(_module: nn.Module, key: Key, _argument: Any, output: Any) -> None:
            if key in wanted:
                call = self._calls[wanted[key]]
                with naming(f"layer {call.name}"):
                    see(wanted[key], _by_input(call, output, count))

        with hooked(self._model, see_call) as calls:
            run_on(self._model, batch, self._call)
        self._check_calls(calls)

    def _take(self, place: int, samples: Tensor) -> None:
        """Takes the samples ``[samples, units]`` of a layer."""
        rest = self._rest[place]
        device = self.evidence_device
        samples = samples if device is None else samples.to(device)  # parts of the network may be elsewhere
        if rest is not None:
            samples = torch.cat([rest, samples])
        whole = len(samples) // 8 * 8
        self._pack(place, samples[:whole])
        self._rest[place] = samples[whole:].clone() if whole < len(samples) else None

    def _pack(self, place: int, samples: Tensor) -> None:
        if not len(samples):
            return
        if not samples.is_cpu and bool(samples.isnan().any()):  # on the CPU the operator says so at once
            raise ValueError("pre-activations must not contain NaN, got one")
        self._layers[place].add(ops.activation_signatures(samples, self._settings.margin))

    def _finish_block(self) -> None:
        for place, (rest, name) in enumerate(zip(self._rest, self.names, strict=True)):
            if rest is not None:
                with naming(self.role), naming(f"layer {name}"):
                    self._pack(place, rest)
                self._rest[place] = None
        super()._finish_block()

    def evidence(self, method: str) -> Evidence:
        """All that was collected. Warns where the module has written into its parameters, which aren't put back."""
        if self._sums is not None and (changed := self._sums.changed()):
            warnings.warn(
                f"{f'{self.role}: ' if self.role else ''}parameters changed while the network was read, and aren't put "
                f"back: {listed(changed)}. Does its forward() write into them?",
                stacklevel=5,
            )
        return super().evidence(method)

    def _check_calls(self, calls: Counter[str]) -> None:
        """Checks that the modules of the layers ran as often as in the first run."""
        times = {name: calls[name] for call in self._calls for name, _ in (call.key, call.source)}
        self._times = self._times or times
        for call in self._calls:
            for name, number in (call.key, call.source):
                if times[name] != self._times[name] or times[name] < number:
                    raise ValueError(
                        f"module {name} ran {times[name]} times on these inputs and {max(number, self._times[name])} "
                        f"times on others, so that layers can't be told apart; exclude= leaves it out"
                    )


def _check_initialised(model: nn.Module) -> None:
    """Checks that there are weights: running a lazy module would make them, and so change it.

    Raises:
        ValueError: Names what has none.
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor):
            raise ValueError(f"{name} is not initialised yet: run the module once, so that it gets its weights")


def _by_input(call: HiddenCall, output: Any, num_inputs: int) -> Tensor:
    """What a layer gave as ``[inputs, grid..., units]``."""
    if not isinstance(output, Tensor):
        raise ValueError(f"gave a {type(output).__name__}, and a tensor in the first run")
    z = call.layout.by_input(output, unit_axis(call.module, output.dim()), num_inputs)
    if z is None:
        raise ValueError(
            f"gave {list(output.shape)} for {num_inputs} inputs, without these on axis {call.layout.axis} as in the "
            f"first run; exclude= leaves it out"
        )
    return z
