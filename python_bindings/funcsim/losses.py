"""Loss and accuracy of networks that differ in their parameters only."""

import numbers
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .merge import gathered
from .modes import exact_arithmetic
from .reading.inputs import ARRAY_HINT, Inputs, batch_targets, check_iterable
from .set_parameters import copy_with

Loss = Callable[[Tensor, Tensor], Any]

# Inputs that a network is run on at a time.
CHUNK = 1024


def gathered_pairs(inputs: Inputs, targets: object, network: nn.Sequential) -> tuple[Tensor, Tensor]:
    """All inputs and their targets, on the network's device, from one pass over the inputs.

    Args:
        inputs: A tensor or batches.
        targets: Of all inputs; None: batches hold them, as :func:`inputs.batch_targets` says.
        network: Says where to.

    Raises:
        TypeError, ValueError: For inputs as :func:`compare`; for targets that are missing, that aren't one for each
            input, or that aren't those that batches hold.
    """
    passed = None
    if not isinstance(inputs, Tensor):
        check_iterable(inputs)
        inputs = passed = _PassedTargets(inputs)
    all_inputs = gathered(inputs, network)
    if not len(all_inputs):
        raise ValueError("inputs must hold at least one input, got none")
    if targets is not None:
        checked = _checked_targets(targets, len(all_inputs))
        if passed is not None:
            _check_agree(checked, passed.found)
    elif passed is None:
        raise ValueError("targets are missing: give one for each input, or batches of (inputs, targets)")
    else:
        checked = _checked_targets(passed.join(), len(all_inputs))
    return all_inputs, checked.to(all_inputs.device)


class _PassedTargets:
    """Batches whose targets are kept as they go by."""

    def __init__(self, batches: Iterable[Any]):
        self._batches = batches
        self.found: list[Tensor | None] = []

    def __iter__(self) -> Iterator[Any]:
        for batch in self._batches:
            targets = batch_targets(batch)
            # Copied, so that an iterable may reuse its memory.
            self.found.append(None if targets is None else targets.detach().clone())
            yield batch

    def join(self) -> Tensor:
        """Those of all batches."""
        targets: list[Tensor] = []
        for index, found in enumerate(self.found):
            if found is None:
                raise ValueError(
                    f"batch {index} holds no targets: give `targets`, or batches of (inputs, targets), both tensors"
                )
            first = targets[0] if targets else found
            if found.dim() == 0 or found.shape[1:] != first.shape[1:] or found.dtype != first.dtype:
                raise ValueError(
                    f"targets must be one for each input, all of one shape and dtype, got {found.dtype} "
                    f"{list(found.shape)} in batch {index}, after {first.dtype} {list(first.shape)}"
                )
            targets.append(found)
        return torch.cat(targets)


def _check_agree(given: Tensor, found: list[Tensor | None]) -> None:
    """Checks that targets are those of batches, where these hold any: batches in another order would go unnoticed."""
    first = 0
    for index, targets in enumerate(found):
        if targets is None:
            return  # where each batch begins isn't known from here on
        its = given[first : first + len(targets)].to(targets.device) if targets.dim() else given
        if its.shape != targets.shape or not (its == targets).all():
            raise ValueError(
                f"targets differ from those that batch {index} holds: leave `targets` out to take the batches', "
                f"which may be shuffled, or give batches of inputs alone"
            )
        first += len(targets)


def _checked_targets(targets: object, inputs: int) -> Tensor:
    if not isinstance(targets, Tensor):
        hint = ARRAY_HINT if type(targets).__module__ == "numpy" else ""
        raise TypeError(f"targets must be a tensor, got a {type(targets).__name__}{hint}")
    if targets.dim() == 0 or len(targets) != inputs:
        raise ValueError(f"targets must be one for each of {inputs} inputs, got shape {list(targets.shape)}")
    if targets.is_complex() or targets.dtype == torch.bool:
        raise TypeError(f"targets must be integers, which are classes, or floating, got {targets.dtype}")
    return targets.detach()


class Evaluation:
    """Runs copies of a network with other parameters on the inputs."""

    def __init__(self, network: nn.Sequential, inputs: Tensor, targets: Tensor, loss: Loss | None):
        """Keeps all.

        Args:
            network: Not changed.
            inputs: On its device.
            targets: One for each input, there too. Integers are classes.
            loss: Of outputs and targets; None: cross entropy of classes, mean squared error of others.
        """
        self._network = network
        self._inputs = inputs
        self._targets = targets
        self._is_classification = not targets.is_floating_point()
        if loss is not None and not callable(loss):
            raise TypeError(f"loss must be a function of outputs and targets, got {loss!r}")
        self._loss = loss
        if loss is None:
            self._loss = functional.cross_entropy if self._is_classification else functional.mse_loss
            if self._is_classification:
                self._targets = targets.long()

    def of(self, parameters: list[Tensor], name: str) -> tuple[float, float | None]:
        """Loss and accuracy.

        Args:
            parameters: In the order of :func:`describe.parameters`.
            name: What to call the network in messages.
        """
        assert self._loss is not None
        network = copy_with(self._network, parameters).eval()
        dtype = parameters[0].dtype
        with torch.no_grad(), exact_arithmetic():
            outputs = torch.cat([network(part.to(dtype)) for part in self._inputs.split(CHUNK)])
            if dtype != torch.float64:
                outputs = outputs.float()  # losses of 16 bits would be coarse
            # Of NaN argmax would make a class.
            if nans := int(outputs.isnan().flatten(1).any(dim=1).sum()):
                raise ValueError(f"{name} gives NaN for {nans} of {len(outputs)} inputs")
            self._check_sizes(outputs)
            value = self._loss(outputs, self._targets)
            if not isinstance(value, numbers.Real) and not (isinstance(value, Tensor) and value.numel() == 1):
                got = f"shape {list(value.shape)}" if isinstance(value, Tensor) else repr(value)
                raise TypeError(f"loss must give one number, the mean over the inputs, got {got}")
            accuracy = None
            if self._is_classification and outputs.dim() == self._targets.dim() + 1:
                accuracy = (outputs.argmax(dim=1) == self._targets).double().mean().item()
        return float(value), accuracy

    def _check_sizes(self, outputs: Tensor) -> None:
        """mse_loss would broadcast."""
        if self._loss is functional.mse_loss and outputs.shape != self._targets.shape:
            raise ValueError(
                f"floating targets must be of the outputs' shape {list(outputs.shape)}, got {list(self._targets.shape)}"
            )
        if self._loss is functional.cross_entropy:
            classes = outputs.shape[1]
            if (expected := outputs.shape[:1] + outputs.shape[2:]) != self._targets.shape:
                raise ValueError(
                    f"classes must be of shape {list(expected)}, for outputs {list(outputs.shape)} with dimension 1 "
                    f"for classes, got {list(self._targets.shape)}"
                )
            low, high = int(self._targets.min()), int(self._targets.max())
            if low < 0 or high >= classes:
                raise ValueError(f"classes must be from 0 to {classes - 1}, as there are outputs, got {low} to {high}")
