"""Runs a monitor that monitor.py saved: python run_monitor.py MONITOR INPUTS [LIVE ...].

Prints what MONITOR says of INPUTS, first with the live weights it was saved with, then with those of each file LIVE.
"""

import sys
from collections.abc import Callable
from typing import Any

import funcsim  # noqa: F401  # registers the operators, without which no form of the monitor loads
import torch
from torch import Tensor

Run = Callable[[Tensor], tuple[Tensor, ...]]
Update = Callable[[dict[str, Tensor]], object]


def load(path: str) -> tuple[Run, Update]:
    """What runs a monitor, and what gives it other live weights."""
    if path.endswith(".aoti.pt2"):
        package = torch._inductor.aoti_load_package(path)

        def run(inputs: Tensor) -> tuple[Tensor, ...]:
            values: tuple[Tensor, ...] = package(inputs)
            if values[0] is None:
                raise RuntimeError("the monitor refused; torch before 2.13 has written the reason to stderr")
            return values

        def update(weights: dict[str, Tensor]) -> None:
            constants = {f"comparer.network_b.{name}": weight for name, weight in weights.items()}
            # user_managed: used as they are, so that operators check them. Otherwise bytes are copied and nobody looks.
            package.load_constants(constants, check_full_update=False, user_managed=True)

        return run, update
    module: Any = torch.export.load(path).module() if path.endswith(".pt2") else torch.jit.load(path)
    return module, module.comparer.network_b.load_state_dict


def main(monitor: str, inputs: str, *lives: str) -> None:
    """Prints a line for each set of live weights."""
    run, update = load(monitor)
    for live in ("as saved", *lives):
        if live != "as saved":
            update(torch.load(live))
        score, chance, adjusted = (value.item() for value in run(torch.load(inputs)))
        print(f"{live}: score {score}, chance {chance}, adjusted {adjusted}")


if __name__ == "__main__":
    main(*sys.argv[1:])
