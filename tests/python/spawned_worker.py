"""Run by test_processes.py: two spawned processes score networks that they are sent, the parent compares."""

import funcsim
import torch
import torch.multiprocessing
from torch import Tensor, nn


def score(
    model: nn.Sequential, inputs: Tensor, results: "torch.multiprocessing.Queue[tuple[int, float]]", rank: int
) -> None:
    results.put((rank, funcsim.compare(model, model[:5], inputs[rank:]).score))


def main() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 9), nn.ReLU(), nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 2)
    )
    inputs = torch.randn(300, 6)
    expected = [(rank, funcsim.compare(model, model[:5], inputs[rank:]).score) for rank in range(2)]
    context = torch.multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=score, args=(model, inputs, results, rank)) for rank in range(2)]
    for worker in workers:
        worker.start()
    got = sorted(results.get(timeout=100) for _ in workers)
    for worker in workers:
        worker.join(100)
        assert worker.exitcode == 0
    print("equal" if got == expected else f"{got} != {expected}")


if __name__ == "__main__":
    main()
