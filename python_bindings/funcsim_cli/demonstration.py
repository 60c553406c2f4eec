"""Small networks for ``funcsim demo``."""

import copy
import inspect
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

FEATURES, CLASSES, UNITS = 20, 5, 64


def make() -> nn.Sequential:
    """The network of the demonstration, untrained."""
    return nn.Sequential(
        nn.Linear(20, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 5),
    )


@dataclass(frozen=True)
class Demonstration:
    """What is compared.

    Attributes:
        reference: A trained classifier.
        accuracy: Its share of right answers on other inputs.
        partners: Networks to compare it with, by what they are.
        inputs: float32 ``[2000, 20]``.
    """

    reference: nn.Sequential
    accuracy: float
    partners: dict[str, nn.Sequential]
    inputs: Tensor


def make_demonstration(seed: int) -> Demonstration:
    """Trains the networks. The global random state is left as it was."""
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.default_generator.manual_seed(seed)
        centres = 2 * torch.randn(4 * CLASSES, FEATURES)  # several of each class, so that there is something to learn
        inputs, targets = _draw(centres, 4000)
        tests, test_targets = _draw(centres, 2000)
        reference = _trained(make(), inputs, targets, 12)
        after = _trained(copy.deepcopy(reference), inputs, targets, 1)
        other = _trained(make(), inputs, targets, 12)
        partners = {
            "itself": reference,
            "permuted, rescaled copy": _permuted_and_rescaled(reference),
            "next checkpoint": after,
            "80 % of weights pruned": _pruned(reference, 0.8),
            "other seed": other,
            "untrained": make(),
        }
        with torch.no_grad():
            right = (reference(tests).argmax(dim=1) == test_targets).double().mean()
    return Demonstration(reference, float(right), partners, tests)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small networks are trained faster so."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _draw(centres: Tensor, count: int) -> tuple[Tensor, Tensor]:
    which = torch.randint(len(centres), (count,))
    return centres[which] + torch.randn(count, FEATURES), which % CLASSES


def _trained(network: nn.Sequential, inputs: Tensor, targets: Tensor, epochs: int) -> nn.Sequential:
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs)).split(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[batch]), targets[batch]).backward()
            optimizer.step()
    return network.eval()


def _permuted_and_rescaled(network: nn.Sequential) -> nn.Sequential:
    """The same function: units in another order, and on other scales."""
    network = copy.deepcopy(network)
    layers = [module for module in network if isinstance(module, nn.Linear)]
    with torch.no_grad():
        for layer, receiver in itertools.pairwise(layers):
            order, factors = torch.randperm(UNITS), 2.0 ** torch.randint(-3, 4, (UNITS,))
            layer.weight.copy_(layer.weight[order] * factors[:, None])
            layer.bias.copy_(layer.bias[order] * factors)
            receiver.weight.copy_(receiver.weight[:, order] / factors)
    return network


def _pruned(network: nn.Sequential, share: float) -> nn.Sequential:
    """A copy whose smallest weights are 0."""
    network = copy.deepcopy(network)
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.Linear):
                layer.weight[layer.weight.abs() < layer.weight.abs().quantile(share)] = 0
    return network


def write_demonstration(made: Demonstration, folder: Path) -> None:
    """Writes networks as state dicts and as TorchScript, the function that makes them, and inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    source = inspect.getsource(make)
    (folder / "networks.py").write_text(f"from torch import nn\n\n\n{source}", encoding="utf-8")
    np.save(folder / "inputs.npy", made.inputs.numpy())
    for name, network in {
        "a": made.reference,
        "b": made.partners["other seed"],
        "next": made.partners["next checkpoint"],
        "pruned": made.partners["80 % of weights pruned"],
    }.items():
        save_file(dict(network.state_dict()), folder / f"{name}.safetensors")
        torch.jit.trace(network, made.inputs[:2]).save(str(folder / f"{name}.pt"))
