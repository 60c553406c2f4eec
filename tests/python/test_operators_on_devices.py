"""Operators on every device: the CPU's results, bit for bit; errors that come later; threads; CUDA graphs."""

import functools
import threading
from collections.abc import Callable

import funcsim
import pytest
import torch
from devices import moved, record_graph, tensors_of
from operator_calls import BITS, CALLS, ROWS, A, B
from refusals import assert_says, message_of
from torch import Tensor

ops = torch.ops.funcsim
CASES = [
    pytest.param(name, arguments, id=f"{name}-{i}") for name, all_ in CALLS.items() for i, arguments in enumerate(all_)
]

# Their moments are sums in float64, which ATen takes in another order on a device.
SUMMED_BY_ATEN = {"activation_correlations", "network_signatures_with_moments"}


def run_threads(work: Callable[[], None], number: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# The emulated device runs the CPU's forward pass; another one sums in another order, and a bit may flip.
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_results_are_the_cpus_and_there(name: str, arguments: tuple, device: torch.device) -> None:
    operator = getattr(ops, name)
    expected = tensors_of(operator(*arguments))
    got = tensors_of(operator(*moved(arguments, device)))
    assert all(tensor.device == device for tensor in got)
    for ours, cpus in zip(got, expected, strict=True):
        assert ours.dtype == cpus.dtype
        if device.type == "cuda" and any(isinstance(argument, str) for argument in arguments):
            # Networks: what is within rounding of its boundary.
            torch.testing.assert_close(ours.cpu().double(), cpus.double(), rtol=0.05, atol=0.05)
        elif name in SUMMED_BY_ATEN and ours.is_floating_point():
            torch.testing.assert_close(ours.cpu(), cpus, rtol=1e-12, atol=1e-12)
        else:
            assert torch.equal(ours.cpu(), cpus)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_no_argument_is_changed(name: str, arguments: tuple, elsewhere: torch.device) -> None:
    there = moved(arguments, elsewhere)
    getattr(ops, name)(*there)
    funcsim.synchronize(torch.empty(0, device=elsewhere))
    for tensor, original in zip(tensors_of(there), tensors_of(arguments), strict=True):
        assert torch.equal(tensor.cpu(), original)


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


@pytest.fixture
def bad(elsewhere: torch.device) -> Tensor:
    """Pre-activations that an operator returns from before it is known that one is a NaN."""
    values = torch.zeros(40, 3)
    values[31, 1] = torch.nan
    return values.to(elsewhere)


FOUND = ["an earlier call on this device found: activation_signatures: ", "NaN", "sample 31, unit 1"]


@pytest.mark.parametrize("name", CALLS)
def test_the_next_operator_says_what_was_found(name: str, elsewhere: torch.device, bad: Tensor) -> None:
    operator, there = getattr(ops, name), moved(CALLS[name][0], elsewhere)
    ops.activation_signatures(bad)
    torch.accelerator.synchronize()
    assert_says(lambda: operator(*there), *FOUND)
    operator(*there)  # said once
    funcsim.synchronize(bad)


def test_waiting_says_what_was_found(bad: Tensor) -> None:
    for call in (funcsim.synchronize, ops.synchronize):
        ops.activation_signatures(bad)
        message = message_of(lambda call=call: call(bad))
        assert message.startswith("activation_signatures: ")
        call(bad)


def test_of_several_the_first_is_told(elsewhere: torch.device, bad: Tensor) -> None:
    padded = torch.full((2, 1), 255, dtype=torch.uint8, device=elsewhere)
    for _ in range(2):
        ops.minhash(padded, 5, 8)
        ops.activation_signatures(bad)
        assert_says(lambda: funcsim.synchronize(bad), "minhash: signatures has bits set after sample 4 in unit 0")
        funcsim.synchronize(bad)


def test_other_devices_say_nothing(elsewhere: torch.device, bad: Tensor) -> None:
    others = [torch.zeros(5, 2)]
    if torch.accelerator.device_count() > 1:
        others.append(torch.zeros(5, 2, device=torch.device(elsewhere.type, 1)))
    ops.activation_signatures(bad)
    torch.accelerator.synchronize()
    for other in others:
        ops.activation_signatures(other)
        funcsim.synchronize(other)
    assert_says(lambda: funcsim.synchronize(bad), "NaN")


def test_what_was_found_is_not_lost_when_many_calls_follow(elsewhere: torch.device, bad: Tensor) -> None:
    good, messages = torch.zeros(9, 1, device=elsewhere), []
    for _ in range(3):
        calls = [functools.partial(ops.activation_signatures, bad)]
        calls += [functools.partial(ops.activation_signatures, good)] * 3000  # more than have a cell of their own
        calls += [functools.partial(funcsim.synchronize, good)]
        for call in calls:
            try:
                call()
            except RuntimeError as error:
                messages.append(str(error))
    assert len(messages) == 3
    assert all("sample 31, unit 1" in message for message in messages)


def test_one_of_several_threads_says_what_was_found(elsewhere: torch.device, bad: Tensor) -> None:
    messages: list[str] = []

    def work() -> None:
        bits = moved(BITS[0], elsewhere)
        for _ in range(50):
            try:
                ops.jaccard(bits, bits)
                funcsim.synchronize(bits)
            except RuntimeError as error:
                messages.append(str(error))

    ops.activation_signatures(bad)
    run_threads(work, 3)
    assert len(messages) == 1
    assert "sample 31, unit 1" in messages[0]


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
    for tensor in tensors_of(result):
        tensor.fill_(77)
    replay()
    for ours, cpus in zip(tensors_of(result), tensors_of(operator(*arguments)), strict=True):
        assert torch.equal(ours.cpu(), cpus)


@pytest.mark.parametrize("name", ["network_signatures", "network_sketches"])
def test_networks_are_recorded_into_graphs(name: str, device: torch.device) -> None:
    if device.type != "cuda":
        pytest.skip("the forward pass of the emulated device is the CPU's, and isn't recorded")
    there = moved((*A, ROWS), device)
    getattr(ops, name)(*there)
    replay, result = record_graph(device, lambda: getattr(ops, name)(*there))
    there[-1].copy_(ROWS.flip(0))
    replay()
    for ours, expected in zip(result, getattr(ops, name)(*there), strict=True):
        assert torch.equal(ours, expected)


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

    run_threads(work, 3)
    assert len(results) == 9
    for result in results:
        for ours, cpus in zip(tensors_of(result), tensors_of(expected), strict=True):
            torch.testing.assert_close(ours.cpu(), cpus, rtol=0, atol=0.05 if elsewhere.type == "cuda" else 0)
