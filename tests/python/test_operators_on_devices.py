"""Operators on every device: the CPU's results, bit for bit; where results are; devices that don't go together."""

import threading
from collections.abc import Iterator

import funcsim
import pytest
import torch
from devices import moved, record_graph
from operator_calls import BITS, CALLS, OTHER, ROWS, A, B
from refusals import assert_says, message_of
from torch import Tensor

ops = torch.ops.funcsim
CASES = [
    pytest.param(name, arguments, id=f"{name}-{i}") for name, all_ in CALLS.items() for i, arguments in enumerate(all_)
]


def flat(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from flat(part)


@pytest.fixture
def elsewhere(device: torch.device) -> torch.device:
    if device.type == "cpu":
        pytest.skip("this is about devices other than the CPU")
    return device


# The emulated device runs the CPU's forward pass; another one sums in another order, and a bit may flip.
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_results_are_the_cpus_and_there(name: str, arguments: tuple, device: torch.device) -> None:
    operator = getattr(ops, name)
    expected = list(flat(operator(*arguments)))
    got = list(flat(operator(*moved(arguments, device))))
    assert all(tensor.device == device for tensor in got)
    for ours, cpus in zip(got, expected, strict=True):
        assert ours.dtype == cpus.dtype
        if device.type == "cuda" and any(isinstance(argument, str) for argument in arguments):
            # Networks: what is within rounding of its boundary.
            torch.testing.assert_close(ours.cpu().double(), cpus.double(), rtol=0.05, atol=0.05)
        else:
            assert torch.equal(ours.cpu(), cpus)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_opcheck(name: str, arguments: tuple, elsewhere: torch.device) -> None:
    utils = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(getattr(ops, name).default, moved(arguments, elsewhere), test_utils=utils)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_no_argument_is_changed(name: str, arguments: tuple, elsewhere: torch.device) -> None:
    there = moved(arguments, elsewhere)
    getattr(ops, name)(*there)
    funcsim.synchronize(torch.empty(0, device=elsewhere))
    for tensor, original in zip(flat(there), flat(arguments), strict=True):
        assert torch.equal(tensor.cpu(), original)


def places(arguments: tuple) -> list[int]:
    return [i for i, argument in enumerate(arguments) if any(True for _ in flat(argument))]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_mixed_devices_are_an_error_that_names_both(name: str, arguments: tuple, elsewhere: torch.device) -> None:
    with_tensors = places(arguments)
    for here in with_tensors[1:]:
        there = list(moved(arguments, elsewhere))
        there[here] = arguments[here]
        message = message_of(lambda arguments=there: getattr(ops, name)(*arguments))
        assert "cpu" in message
        assert str(elsewhere) in message or "neither cpu nor cuda" in message


def test_layers_of_one_list_on_two_devices_are_refused(elsewhere: torch.device) -> None:
    mixed = [BITS[0].to(elsewhere), BITS[1]]
    assert_says(lambda: ops.layer_scores(mixed, moved(OTHER, elsewhere), [21, 21], [21, 21]), "layers_a[1]", "cpu")
    architecture, parameters = A
    some = [parameters[0].to(elsewhere), *parameters[1:]]
    assert_says(lambda: ops.network_signatures(architecture, some, ROWS.to(elsewhere)), "bias", "like the first", "got")


def test_a_nan_in_a_network_is_raised_at_once(device: torch.device) -> None:
    rows = ROWS.clone()
    rows[13, 2] = torch.nan
    there = rows.to(device)
    for call in (
        lambda: ops.network_signatures(*moved(A, device), there),
        lambda: ops.network_sketches(*moved(A, device), there),
        lambda: ops.compare(*moved(A, device), *moved(B, device), there, "exact"),
        lambda: ops.compare_with_chance(*moved(A, device), *moved(B, device), there, "minhash"),
    ):
        assert_says(call, "hidden layer 0", "NaN for input 13")
    funcsim.synchronize(there)  # told once


def test_a_fault_is_told_once_by_the_next_operator(elsewhere: torch.device) -> None:
    bad = torch.zeros(40, 3)
    bad[31, 1] = torch.nan
    there = bad.to(elsewhere)
    ops.activation_signatures(there)
    for _ in range(3):
        torch.zeros(1, device=elsewhere).cpu()
    bits = moved(BITS[0], elsewhere)
    torch.accelerator.synchronize()
    assert_says(lambda: ops.jaccard(bits, bits), "an earlier call", "NaN", "sample 31, unit 1")
    assert torch.equal(ops.jaccard(bits, bits).cpu(), ops.jaccard(BITS[0], BITS[0]))
    funcsim.synchronize(bits)


def test_a_fault_is_not_lost_when_many_calls_follow(elsewhere: torch.device) -> None:
    good, bad = torch.zeros(9, 1, device=elsewhere), torch.full((9, 1), torch.nan, device=elsewhere)
    for round_of in range(3):
        told = False
        ops.activation_signatures(bad)
        for _ in range(1500):  # more than have a cell of their own
            try:
                ops.activation_signatures(good)
            except RuntimeError as error:
                told |= "NaN" in str(error)
        try:
            funcsim.synchronize(good)
        except RuntimeError as error:
            told |= "NaN" in str(error)
        assert told, round_of


def test_a_call_that_waits_raises_its_own_whatever_other_threads_do(elsewhere: torch.device) -> None:
    architecture, parameters = moved(B, elsewhere)
    bad = [*parameters[:2], torch.full_like(parameters[2], torch.nan), *parameters[3:]]
    good, there, stop = moved(A, elsewhere), ROWS.to(elsewhere), threading.Event()
    innocent: list[str] = []

    def wait_all_the_time() -> None:
        while not stop.is_set():
            try:
                funcsim.synchronize(there)
            except RuntimeError as error:
                innocent.append(str(error))

    thread = threading.Thread(target=wait_all_the_time)
    thread.start()
    try:
        for _ in range(40):
            assert_says(
                lambda: ops.compare(*good, architecture, bad, there, "exact"), "network b", "hidden layer 1", "NaN"
            )
    finally:
        stop.set()
        thread.join()
    assert innocent == []


GRAPHS = [
    "activation_signatures", "minhash", "jaccard", "minhash_jaccard", "signature_statistics", "shuffle_samples",
    "shuffle_partners", "shuffled_minhash",
]  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_operators_are_recorded_into_graphs(name: str, elsewhere: torch.device) -> None:
    operator, arguments = getattr(ops, name), CALLS[name][-1]
    there = moved(arguments, elsewhere)
    operator(*there)  # on CUDA, what comes first loads kernels, which can't be recorded
    replay, result = record_graph(elsewhere, lambda: operator(*there))
    for tensor in flat(result):
        tensor.fill_(77)
    replay()
    for ours, cpus in zip(flat(result), flat(operator(*arguments)), strict=True):
        assert torch.equal(ours.cpu(), cpus)


@pytest.mark.parametrize("name", ["canonicalize", "compare", "compare_layers", "layer_scores", "linear_sum_assignment"])
def test_operators_with_a_step_on_the_host_are_not(name: str, elsewhere: torch.device) -> None:
    if elsewhere.type == "cuda":
        pytest.skip("an error while a graph is recorded ends the recording, and the process's use of the stream")
    there = moved(CALLS[name][0], elsewhere)
    assert_says(lambda: record_graph(elsewhere, lambda: getattr(ops, name)(*there)), name, "CUDA graph")


def test_reduced_overhead_is_a_cuda_graph(device: torch.device) -> None:
    if device.type != "cuda":
        pytest.skip("torch.compile's graphs are CUDA's")
    x = torch.randn(500, 40, device=device)

    def similarity(z: Tensor) -> Tensor:
        signatures = ops.activation_signatures(z)
        return ops.jaccard(signatures, signatures)

    compiled = torch.compile(similarity, fullgraph=True, mode="reduce-overhead")
    for _ in range(4):
        x.normal_()
        assert torch.equal(compiled(x).clone(), similarity(x))


def test_threads_share_a_device(elsewhere: torch.device) -> None:
    expected = ops.compare(*A, *B, ROWS)
    results: list[object] = []

    def work() -> None:
        there = moved((*A, *B, ROWS), elsewhere)
        results.extend(ops.compare(*there) for _ in range(3))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 9
    for result in results:
        for ours, cpus in zip(flat(result), flat(expected), strict=True):
            torch.testing.assert_close(ours.cpu(), cpus, rtol=0, atol=0.05 if elsewhere.type == "cuda" else 0)
