"""Watches a network drift away from what it was, and exports what watches it: python monitor.py [FOLDER].

Prints a score for every batch that the live network learns from, and writes into FOLDER the monitor in three forms
(monitor.pt for TorchScript, monitor.pt2 of torch.export, monitor.aoti.pt2 of AOTInductor), inputs.pt to run it on, and
the weights that the live network had after the first and the last batch, first.pt and last.pt.
"""

import pathlib
import sys

import funcsim
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn


class Monitor(nn.Module):
    """Score, chance level and adjusted score of a live network against a reference, frozen as it is now."""

    def __init__(self, reference: nn.Sequential, live: nn.Sequential):
        super().__init__()
        self.comparer = funcsim.Comparer(reference, live)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of ``inputs``: three float64 scalars."""
        return self.comparer.with_chance(inputs)

    def update(self, live: nn.Sequential) -> None:
        """Takes over the live network's weights."""
        self.comparer.network_b.load_state_dict(live.state_dict())


def train(model: nn.Sequential, optimiser: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    """One step."""
    optimiser.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    optimiser.step()


def export(monitor: Monitor, inputs: Tensor, folder: pathlib.Path) -> None:
    """Writes the monitor in all three forms, for batches of any size."""
    torch.jit.script(monitor).save(folder / "monitor.pt")
    batch = torch.export.Dim("batch")
    program = torch.export.export(monitor, (inputs,), dynamic_shapes={"inputs": {0: batch}})
    torch.export.save(program, folder / "monitor.pt2")
    torch._inductor.aoti_compile_and_package(program, package_path=str(folder / "monitor.aoti.pt2"))


def main(folder: pathlib.Path) -> None:
    """Trains a network on digits, then goes on with upside-down ones and watches."""
    torch.manual_seed(0)
    digits = load_digits()
    images, labels = torch.tensor(digits.images, dtype=torch.float32) / 16, torch.tensor(digits.target)
    inputs = images[1437:].flatten(1)  # the others are learned from
    torch.save(inputs, folder / "inputs.pt")

    live = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    optimiser = torch.optim.Adam(live.parameters(), lr=3e-3)
    for _ in range(10):
        for batch in torch.randperm(1437).split(64):
            train(live, optimiser, images[batch].flatten(1), labels[batch])

    monitor = Monitor(live, live)
    for number, batch in enumerate(torch.randperm(1437).split(128)):
        train(live, optimiser, images[batch].flip(1).flatten(1), labels[batch])
        monitor.update(live)
        score, chance, adjusted = (value.item() for value in monitor(inputs))
        print(f"batch {number:2}: score {score:.4f}, chance {chance:.4f}, adjusted {adjusted:.4f}")
        if number == 0:
            torch.save(dict(live.state_dict()), folder / "first.pt")
    torch.save(dict(live.state_dict()), folder / "last.pt")
    export(monitor, inputs, folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "."))
