"""Reads any module: its hidden layers are found by running it, and their pre-activations by hooks."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .batches import cut_inputs, named_tensors, num_inputs, pieces
from .evidence import Reader, naming
from .feeding import Call, run_on, token_mask
from .hidden_calls import HiddenCall, find_hidden_calls, run_size
from .inputs import Inputs
from .layer_choice import LayerChoice
from .layer_evidence import HOOKS
from .module_calls import Key, hooked, unit_axis
from .running import first_tensor, undisturbed, unwrapped
from .samples import Sampler, samples_per_input
from .settings import Settings

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
            TypeError: It is no module.
        """
        super().__init__(role, settings, choice, with_shuffled=with_shuffled)
        self._model = unwrapped(model)
        self._call = call
        self.notes = [*notes]
        tensor = first_tensor(self._model)
        self.device = None if tensor is None else tensor.device
        if self.device is not None and self.device.type == "meta":
            with naming(role):
                raise ValueError("the module is on the meta device, which holds no values")
        self.input_shape: tuple[int, ...] = ()
        self._calls: list[HiddenCall] = []
        self._rest: list[Tensor | None] = []  # of every layer, samples that don't fill a byte yet
        self._times: dict[str, int] = {}  # how often the layers' modules run
        self._run_size = 0
        self._sampler: Sampler | None = None  # of the run that is going on

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
        with naming(self.role), undisturbed(self._model, self._settings.seed):
            self._calls, notes = find_hidden_calls(self._model, first, self._call, self.choice)
        self.notes += notes
        self.names = [call.name for call in self._calls]
        self._rest = [None] * len(self._calls)
        self._run_size = run_size(self._calls, self.device)
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
        self._sampler = Sampler(self._settings, self._num_inputs, count, token_mask(batch))
        wanted = {call.source: place for place, call in enumerate(self._calls)}

        def see(_module: nn.Module, key: Key, _argument: Any, output: Any) -> None:
            if key in wanted:
                self._see(wanted[key], output, count)

        with hooked(self._model, see) as calls:
            run_on(self._model, batch, self._call)
        self._check_calls(calls)
        self._count(count)

    def _see(self, place: int, output: Tensor, count: int) -> None:
        """Takes what one layer gave."""
        call, layer, sampler = self._calls[place], self._layers[place], self._sampler
        assert sampler is not None
        with naming(f"layer {call.name}"):
            z = call.layout.by_input(output, unit_axis(call.module, output.dim()), count)
            if z is None:
                raise ValueError(
                    f"gave {list(output.shape)} for {count} inputs, which holds the inputs no longer where the first "
                    f"run had them (axis {call.layout.axis}); exclude= leaves it out"
                )
            self._take(place, z, sampler.samples(z, layer.samples_per_input))

    def _take(self, place: int, z: Tensor, samples: Tensor) -> None:
        """Takes the pre-activations ``[inputs, grid..., units]`` and the samples ``[samples, units]`` of a layer."""
        rest = self._rest[place]
        samples = samples if self.device is None else samples.to(self.device)  # other parts may be elsewhere
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
