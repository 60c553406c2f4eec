"""Running a user's module and leaving it as it was."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

MOST_BUFFER_BYTES = 1 << 24
BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes of an element


def unwrapped(model: Any) -> Any:
    """What is within DataParallel, DistributedDataParallel and what ``torch.compile`` returns."""
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif is_compiled(model):
            model = model._orig_mod
        else:
            return model


def is_compiled(module: Any) -> bool:
    """Whether a module is what ``torch.compile`` returns. Asked without importing the compiler, which takes seconds."""
    return type(module).__name__ == "OptimizedModule" and "_orig_mod" in module._modules


def first_tensor(model: nn.Module) -> Tensor | None:
    """The first parameter or else buffer."""
    return next(model.parameters(), next(model.buffers(), None))


def has_kernels(device: torch.device) -> bool:
    """Whether operators run on a device. PyTorch's place for a device of another project has those that emulate one."""
    return device.type in ("cpu", "cuda", torch._C._get_privateuse1_backend_name())


@contextmanager
def undisturbed(model: nn.Module, seed: int) -> Iterator[None]:
    """Has a module run in eval mode, module by module and uncompiled, and leaves it as it was, whatever happens.

    Put back are: the modes of all modules, buffers of up to 16 MiB, the random state, PyTorch's choice of fast paths.
    Larger buffers hold weights, which modules don't change in eval mode, and copies would take memory; parameters
    aren't copied either (:class:`ParameterSums` notices what is written into them). Modules that draw random numbers
    draw the same ones every time.

    Args:
        model: What will be run.
        seed: Of random numbers.
    """
    modules = list(model.modules())
    with ExitStack() as stack:
        stack.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
        own = [module for module in modules if not isinstance(module, torch.jit.ScriptModule)]
        stack.callback(_restore_buffers, [(module, dict(module._buffers)) for module in own], _copies(modules))
        if any(is_compiled(module) or module._compiled_call_impl is not None for module in modules):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        _seed(stack, _devices(model), seed)
        # One fused kernel for a whole layer would run none of the modules in it.
        torch.backends.mha.set_fastpath_enabled(False)
        stack.enter_context(eval_mode(model))
        yield


def _devices(model: nn.Module) -> list[torch.device]:
    """Where a module's tensors are, apart from the CPU, as far as there are random numbers there."""
    found = dict.fromkeys(tensor.device for tensors in (model.parameters(), model.buffers()) for tensor in tensors)
    others = [device for device in found if device.type not in ("cpu", "meta")]
    return [device for device in others if _has_generators(device)]


def _has_generators(device: torch.device) -> bool:
    """Whether a type of device lets each of its devices be seeded, which some don't."""
    of_type = torch.get_device_module(device)
    return all(hasattr(of_type, name) for name in ("manual_seed", "get_rng_state", "device"))


def _seed(stack: ExitStack, devices: list[torch.device], seed: int) -> None:
    """Seeds the generators of the CPU and of devices, of one type, until the stack is closed."""
    kind = devices[0].type if devices else "cuda"
    stack.enter_context(torch.random.fork_rng(devices, device_type=kind))
    torch.default_generator.manual_seed(seed)
    for device in devices:
        of_type = torch.get_device_module(device)
        with of_type.device(device):
            of_type.manual_seed(seed)


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Puts a module into eval mode, and back. Without calling ``train()``, which modules may override."""
    # Frozen TorchScript has none.
    modes = [(module, module.training) for module in model.modules() if hasattr(module, "training")]
    try:
        _set_modes([(module, False) for module, _ in modes])
        yield
    finally:
        _set_modes(modes)


def _set_modes(modes: list[tuple[nn.Module, bool]]) -> None:
    for module, training in modes:
        module.training = training


def _copies(modules: list[nn.Module]) -> dict[Tensor, tuple[int, Tensor]]:
    """Of all buffers that aren't large the version and a copy. Inference tensors can't change."""
    buffers = {buffer for module in modules for buffer in module._buffers.values() if buffer is not None}
    small = (buffer for buffer in buffers if buffer.nbytes <= MOST_BUFFER_BYTES and not buffer.is_inference())
    return {buffer: (buffer._version, buffer.clone()) for buffer in small}


def _restore_buffers(
    held: list[tuple[nn.Module, dict[str, Tensor | None]]], copies: dict[Tensor, tuple[int, Tensor]]
) -> None:
    for module, buffers in held:
        module._buffers.clear()
        module._buffers.update(buffers)
    for buffer, (version, copy) in copies.items():
        if buffer._version != version or not _equal(buffer, copy):
            buffer.copy_(copy)


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same. Versions don't tell: batch_norm moves statistics and leaves the version."""
    if one.is_meta or one.layout != torch.strided:
        return True  # without values that can be looked at
    if torch.equal(one, other):
        return True
    return bool(((one == other) | (one.isnan() & other.isnan())).all())


class ParameterSums:
    """Notices that parameters were written into. Sums of their bits take one look at them and no memory."""

    def __init__(self, model: nn.Module):
        """Takes the sums."""
        self._model = model
        self._sums = self._now()

    def _now(self) -> dict[str, tuple[Tensor, Tensor]]:
        return {
            name: (parameter, parameter.detach().flatten().view(BITS[parameter.element_size()]).sum())
            for name, parameter in self._model.named_parameters()
            if type(parameter.detach()) is Tensor
            and not parameter.is_meta
            and parameter.layout == torch.strided
            and parameter.element_size() in BITS
        }

    def changed(self) -> list[str]:
        """Names of the parameters that hold something else than at first."""
        now = self._now()
        return [
            name
            for name, (parameter, bits) in self._sums.items()
            if name not in now or now[name][0] is not parameter or not torch.equal(now[name][1], bits)
        ]
