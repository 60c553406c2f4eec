"""Worker processes and threads: forked DataLoader workers, spawned processes, threads that call at once."""

import concurrent.futures
import pathlib
import subprocess
import sys

import funcsim
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

WORKER = pathlib.Path(__file__).with_name("spawned_worker.py")


def network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 2))


A, B = network(0), network(1)


class Scores(Dataset[Tensor]):
    """Element i: the score of two networks on inputs of seed i, computed where the element is asked for."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Tensor:
        inputs = torch.randn(3000, 6, generator=torch.Generator().manual_seed(index))
        score: Tensor = torch.ops.funcsim.compare(
            funcsim.describe(A), funcsim.parameters(A),
            funcsim.describe(B), funcsim.parameters(B), inputs,
        )[0]  # fmt: skip
        return score


def test_forked_workers_of_a_data_loader() -> None:
    """The parent has run operators on several threads before it forks."""
    expected = torch.stack([Scores()[index] for index in range(len(Scores()))])
    loader = DataLoader(Scores(), batch_size=2, num_workers=2, multiprocessing_context="fork", timeout=60)
    assert torch.equal(torch.cat(list(loader)), expected)


def test_batches_from_forked_workers() -> None:
    inputs = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    loader = DataLoader(inputs, batch_size=64, num_workers=2, multiprocessing_context="fork", timeout=60)
    assert funcsim.compare(A, B, loader).score == funcsim.compare(A, B, inputs).score


def test_spawned_processes() -> None:
    """From a script of its own: spawn imports the main module anew."""
    done = subprocess.run([sys.executable, WORKER], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr


def test_results_survive_pickling() -> None:
    inputs = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    comparison = funcsim.compare(A, B, inputs)
    sketch = funcsim.sketch(A, inputs)
    with concurrent.futures.ProcessPoolExecutor(1, _fork()) as pool:
        assert pool.submit(_same, comparison).result(60).to_dict() == comparison.to_dict()
        returned = pool.submit(_same, sketch).result(60)
    again = funcsim.compare(returned, funcsim.sketch(B, inputs))
    assert again.score == funcsim.compare(A, B, inputs, method="minhash").score


def _fork() -> object:
    return torch.multiprocessing.get_context("fork")


def _same(value: object) -> object:
    return value


def test_threads_that_call_at_once() -> None:
    expected = [Scores()[index] for index in range(len(Scores()))]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            assert list(pool.map(Scores().__getitem__, range(len(Scores())))) == expected
