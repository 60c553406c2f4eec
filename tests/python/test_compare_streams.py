"""Inputs in batches: any split of the same inputs gives the same numbers, to the last bit, in one pass."""

import copy
import functools
import itertools
import subprocess
import sys
from collections import UserDict, namedtuple
from collections.abc import Callable, Iterable, Iterator

import funcsim
import pytest
import torch
from funcsim.reading import inputs as funcsim_inputs
from hypothesis import given
from hypothesis import strategies as st
from oracle import networks
from oracle.profile import examples
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

BY_NAME = {network.name: network for network in networks.NETWORKS}
CPU = torch.device("cpu")


def _sensitive(seed: int) -> nn.Sequential:
    """The first layer's weights add up to 0: on inputs of equal numbers nothing but rounding decides its bits.

    How a product of matrices is rounded depends on their sizes and on where they lie in memory.
    """
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(10, 10, bias=False), nn.ReLU(), nn.Linear(10, 9), nn.ReLU(), nn.Linear(9, 3))
    with torch.no_grad():
        model[0].weight[:, -1] = -model[0].weight[:, :-1].sum(dim=1)
    return model


A, B = _sensitive(1), _sensitive(2)
INPUTS = torch.randn(4096 + 1500, 10, generator=torch.Generator().manual_seed(0))
INPUTS[::2] = INPUTS[::2, :1]


@functools.cache
def _networks(device: torch.device) -> tuple[nn.Sequential, nn.Sequential]:
    return copy.deepcopy(A).to(device), copy.deepcopy(B).to(device)


@functools.cache
def _whole(device: torch.device, method: str) -> funcsim.Comparison:
    """Of a stream of one batch. A tensor's number of inputs is known from the start: its sketches shuffle over all."""
    return funcsim.compare(*_networks(device), [INPUTS], method=method, num_hashes=64)


def _split(inputs: Tensor, cuts: list[int]) -> list[Tensor]:
    edges = [0, *sorted(cuts), len(inputs)]
    return [inputs[start:end] for start, end in itertools.pairwise(edges)]


def _assert_equals_whole(inputs: Iterable[object], method: str, device: torch.device = CPU) -> None:
    got = funcsim.compare(*_networks(device), inputs, method=method, num_hashes=64)
    assert got.to_dict() == _whole(device, method).to_dict()


@pytest.mark.parametrize("method", ["exact", "minhash"])
@given(cuts=st.lists(st.integers(0, len(INPUTS)), max_size=8))
@examples(12)
def test_any_split_gives_the_same_bits(device: torch.device, cuts: list[int], method: str) -> None:
    _assert_equals_whole(_split(INPUTS.to(device), cuts), method, device)


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000, 4096, 4097, 10_000])
def test_any_batch_size_gives_the_same_bits(device: torch.device, size: int, method: str) -> None:
    """Batches of a DataLoader are on the CPU, wherever the networks are."""
    _assert_equals_whole(DataLoader(TensorDataset(INPUTS), batch_size=size), method, device)


@pytest.mark.parametrize("positions", [16, "all", "any", 3])
@pytest.mark.parametrize("name", ["conv2d", "tokens", "conv1d"])
def test_layers_with_positions_as_well(device: torch.device, name: str, positions: int | str) -> None:
    a, b = (BY_NAME[name].make(seed)[0].to(device) for seed in (1, 2))
    inputs = torch.randn(150, *BY_NAME[name].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for method in ("exact", "minhash"):
        options = {"method": method, "positions": positions, "num_hashes": 32}
        whole = funcsim.compare(a, b, inputs, **options).to_dict()
        assert funcsim.compare(a, b, _split(inputs, [1, 30, 99]), **options).to_dict() == whole
        assert funcsim.compare(a, b, inputs.split(7), **options).to_dict() == whole


def test_large_inputs_are_taken_in_smaller_chunks(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(funcsim_inputs, "CHUNK_BYTES", 300 * 10 * 4)
    assert funcsim_inputs.chunk_size((10,), 4) == 256
    assert funcsim_inputs.chunk_size((10**9,), 4) == 64
    sizes = [len(chunk) for chunk in funcsim_inputs.chunks(INPUTS.split(100))]
    assert sizes == [256] * (len(INPUTS) // 256) + [len(INPUTS) % 256]
    for method in ("exact", "minhash"):
        networks_, options = _networks(device), {"method": method, "num_hashes": 64}
        whole = funcsim.compare(*networks_, [INPUTS], **options).to_dict()
        for batches in (INPUTS.split(1000), INPUTS.to(device).split(1000)):
            assert funcsim.compare(*networks_, batches, **options).to_dict() == whole


@pytest.mark.parametrize("positions", [3, "all", "any"])
def test_points_are_those_of_an_inputs_global_number(
    device: torch.device, positions: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of 64 inputs look at the same places as one chunk of all. Integers, so that nothing is rounded."""
    models = [BY_NAME["tokens"].make(seed)[0][:3] for seed in (1, 2)]
    for seed, model in enumerate(models):
        networks.make_integer_valued(model, torch.Generator().manual_seed(seed))
        model.to(device)
    inputs = torch.randint(-4, 5, (300, 3, 4), generator=torch.Generator().manual_seed(0)).double()
    options = {"positions": positions, "method": "minhash", "num_hashes": 64}
    whole = funcsim.compare(*models, inputs, **options).to_dict()
    monkeypatch.setattr(funcsim_inputs, "CHUNK_BYTES", 1)
    assert [len(chunk) for chunk in funcsim_inputs.chunks(inputs)] == [64] * 4 + [44]
    assert funcsim.compare(*models, inputs, **options).to_dict() == whole


@pytest.mark.parametrize("make", [iter, tuple, lambda batches: (batch for batch in batches)])
def test_iterators_generators_and_tuples_of_batches(make: Callable[[list[Tensor]], Iterable[Tensor]]) -> None:
    _assert_equals_whole(make(list(INPUTS.split(999))), "exact")


def test_every_batch_is_asked_for_once() -> None:
    asked: list[int] = []

    def batches() -> Iterator[Tensor]:
        for number, batch in enumerate(INPUTS.split(500)):
            asked.append(number)
            yield batch

    _assert_equals_whole(batches(), "minhash")
    assert asked == list(range(12))


@pytest.mark.parametrize("size", [500, 4096])
@pytest.mark.parametrize("place", ["memory of the CPU", "pinned memory", "memory of the device"])
def test_a_stream_may_reuse_its_memory(device: torch.device, place: str, size: int) -> None:
    memory = torch.empty(size, 10, device=device if place == "memory of the device" else CPU)
    if place == "pinned memory" and device != CPU:
        memory = memory.pin_memory()

    def batches() -> Iterator[Tensor]:
        for batch in INPUTS.split(size):
            yield memory[: len(batch)].copy_(batch)
            memory.fill_(torch.nan)

    _assert_equals_whole(batches(), "exact", device)


def test_empty_batches_count_for_nothing(device: torch.device) -> None:
    inputs = INPUTS.to(device)
    _assert_equals_whole([inputs[:0], inputs[:100], inputs[:0], inputs[100:], inputs[:0]], "exact", device)


Sample = namedtuple("Sample", ["pixels", "label"])
LABELS = torch.zeros(len(INPUTS))
BATCHES: dict[str, Callable[[Tensor], object]] = {
    "pair": lambda x: (x, LABELS[: len(x)]),
    "list": lambda x: [x, LABELS[: len(x)], "text"],
    "one-element tuple": lambda x: (x,),
    "named tuple": lambda x: Sample(x, LABELS[: len(x)]),
    "dict of one tensor": lambda x: {"name": ["a"] * len(x), "whatever": x},
    "dict with input": lambda x: {"label": LABELS[: len(x)], "input": x},
    "dict with pixel_values": lambda x: {"pixel_values": x, "labels": LABELS[: len(x)]},
    "dict with x": lambda x: {"y": LABELS[: len(x)], "x": x},
    "mapping": lambda x: UserDict({"image": x, "label": LABELS[: len(x)]}),
}


@pytest.mark.parametrize("kind", BATCHES)
def test_the_models_input_is_taken_from_batches(kind: str) -> None:
    _assert_equals_whole([BATCHES[kind](x) for x in INPUTS.split(1024)], "exact")


def test_iterable_datasets_of_batches() -> None:
    class Stream(IterableDataset):
        def __iter__(self) -> Iterator[Tensor]:
            return iter(INPUTS.split(100))

    _assert_equals_whole(Stream(), "exact")


@pytest.mark.parametrize("layout", ["offset", "transposed", "strided", "expanded", "requires grad"])
def test_any_layout_of_batches(device: torch.device, layout: str) -> None:
    """In memory that is not aligned, linear algebra may round in another way; the bits must be those of a copy."""
    base, zero = INPUTS[:600].to(device), torch.zeros(1, device=device)
    view = {
        "offset": torch.cat([zero, base.flatten()])[1:].view(-1, 10),
        "transposed": base.t().contiguous().t(),
        "strided": torch.stack([base, base], dim=2)[:, :, 0],
        "expanded": base[:1].expand(200, -1),
        "requires grad": base.clone().requires_grad_(),
    }[layout]
    expected = funcsim.compare(*_networks(device), view.detach().clone()).to_dict()
    assert funcsim.compare(*_networks(device), view).to_dict() == expected
    assert funcsim.compare(*_networks(device), view.split(70)).to_dict() == expected


@pytest.mark.parametrize("size", [50, 4096, 10_000])
@pytest.mark.parametrize(("num_hashes", "expected"), [(175, "exact"), (174, "minhash"), (1, "minhash")])
def test_auto_changes_over_in_the_middle_of_a_stream(
    device: torch.device, size: int, num_hashes: int, expected: str
) -> None:
    """5596 inputs are at most 32 * 175 samples, and more than 32 * 174."""
    a, b = _networks(device)
    auto = funcsim.compare(a, b, INPUTS.split(size), num_hashes=num_hashes)
    assert auto.method == expected
    assert auto.to_dict() == funcsim.compare(a, b, [INPUTS], method=expected, num_hashes=num_hashes).to_dict()


def test_auto_changes_over_after_several_blocks(device: torch.device) -> None:
    (a, b), inputs = _networks(device), torch.cat([INPUTS, INPUTS])
    auto = funcsim.compare(a, b, inputs.split(1000), num_hashes=300)  # at most 9600 samples, in the third block
    assert auto.to_dict() == funcsim.compare(a, b, [inputs], method="minhash", num_hashes=300).to_dict()


def test_auto_counts_samples_and_not_inputs() -> None:
    (a, inputs), (b, _) = BY_NAME["conv2d"].make(1), BY_NAME["conv2d"].make(2)
    for num_hashes, expected in ((6, "exact"), (5, "minhash")):  # 12 inputs of 16 points are 32 * 6 samples
        assert funcsim.compare(a, b, inputs.split(5), num_hashes=num_hashes).method == expected


PEAK = """
import resource, sys, torch, funcsim
method, blocks = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(1)
def network(seed):
    torch.manual_seed(seed)
    hidden = [layer for _ in range(3) for layer in (torch.nn.Linear(256, 256), torch.nn.ReLU())]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(256, 10)).eval()
def stream(blocks):
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(4096, 256, generator=generator) for _ in range(blocks))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
a, b = network(1), network(2)
funcsim.compare(a, b, stream(2), method=method)
before = peak()
funcsim.compare(a, b, stream(blocks), method=method)
print(peak() - before)
"""


def peak_megabytes(method: str, blocks: int) -> int:
    """By how much the process grows, in a new one."""
    command = [sys.executable, "-c", PEAK, method, str(blocks)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout)


def test_memory_is_that_of_the_bits_or_of_the_sketches() -> None:
    """Not of the activations: those of a block are 24 MiB, its bits 0.75 MiB, the sketches 9 MiB in all."""
    few, many = 8, 32
    bits = 0.75 * (many - few)
    assert peak_megabytes("exact", many) - peak_megabytes("exact", few) < 4 * bits
    assert peak_megabytes("minhash", many) - peak_megabytes("minhash", few) < 24


BAD: dict[str, tuple[Callable[[], object], type[Exception], list[str]]] = {
    "nothing": (lambda: None, ValueError, ["inputs are missing"]),
    "no batches": (list, ValueError, ["no batches", "once only"]),
    "only empty batches": (lambda: [INPUTS[:0]], ValueError, ["at least one input", "none"]),
    "an empty tensor": (lambda: INPUTS[:0], ValueError, ["at least one input", "none"]),
    "one dimension": (lambda: INPUTS[:, 0], ValueError, ["[inputs, features...]", "[5596]"]),
    "no dimension": (lambda: torch.tensor(1.0), ValueError, ["[inputs, features...]", "[]"]),
    "samples without a batch": (lambda: iter(INPUTS), ValueError, ["batch 0", "[inputs, features...]", "[10]"]),
    "a dataset": (lambda: TensorDataset(INPUTS), TypeError, ["TensorDataset", "DataLoader"]),
    "a number": (lambda: 7, TypeError, ["int", "DataLoader"]),
    "text": (lambda: "file.pt", TypeError, ["str", "DataLoader"]),
    "a dict": (lambda: {"input": INPUTS}, TypeError, ["dict", "iterable of batches"]),
    "an array": (INPUTS.numpy, TypeError, ["inputs are a ndarray", "torch.from_numpy"]),
    "batches of arrays": (lambda: [INPUTS.numpy()], TypeError, ["batch 0", "ndarray", "torch.from_numpy"]),
    "batches of text": (lambda: [INPUTS, "x"], TypeError, ["batch 1", "str"]),
    "an empty tuple": (lambda: [()], ValueError, ["batch 0", "empty tuple"]),
    "a pair of pairs": (lambda: [((INPUTS, INPUTS), LABELS)], TypeError, ["batch 0", "tuple whose first element"]),
    "a dict of two tensors": (lambda: [{"a": INPUTS, "b": LABELS}], ValueError, ["'a', 'b'", "'pixel_values'"]),
    "a dict with two inputs": (lambda: [{"x": INPUTS, "image": INPUTS}], ValueError, ["'x', 'image'"]),
    "a dict of none": (lambda: [{"a": 1}], ValueError, ["keys 'a'"]),
    "a dict whose input is none": (lambda: [{"input": [1.0]}], ValueError, ["keys 'input'"]),
    "other features": (lambda: [INPUTS, INPUTS[:, :4]], ValueError, ["batch 1", "[4]", "[10]"]),
    "other dimensions": (lambda: [INPUTS, INPUTS[:, None]], ValueError, ["batch 1", "[1, 10]", "[10]"]),
    "other dtypes": (lambda: [INPUTS, INPUTS.double()], ValueError, ["batch 1", "float64", "float32"]),
    "other devices": (lambda: [INPUTS, INPUTS.to("meta")], ValueError, ["batch 1", "meta", "cpu"]),
    "meta": (lambda: INPUTS.to("meta"), ValueError, ["inputs", "meta device", "values"]),
    "sparse": (INPUTS.to_sparse, ValueError, ["dense", "sparse_coo"]),
    "a width the network doesn't have": (lambda: INPUTS[:, :4], RuntimeError, ["network a: ", "Linear", "10", "4"]),
    "float64": (INPUTS.double, RuntimeError, ["network a: ", "float64", "float32"]),
    "integers": (INPUTS.long, RuntimeError, ["network a: ", "int64"]),
    "complex": (lambda: INPUTS.to(torch.complex64), RuntimeError, ["network a: ", "complex"]),
    "NaN": (lambda: torch.full((3, 10), torch.nan), RuntimeError, ["network a: ", "NaN", "0"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_inputs(case: str) -> None:
    make, kind, words = BAD[case]
    for function in (funcsim.compare, funcsim.layer_similarity):
        with pytest.raises(kind) as error:
            function(A, B, make())
        assert type(error.value) is kind
        for word in words:
            assert word.lower() in str(error.value).lower(), (word, str(error.value))


def test_a_used_up_generator_says_so() -> None:
    batches = (batch for batch in INPUTS.split(100))
    funcsim.compare(A, B, batches)
    with pytest.raises(ValueError, match="once only: was it used before"):
        funcsim.compare(A, B, batches)


def test_a_nan_late_in_a_stream_is_found_and_its_input_named(device: torch.device) -> None:
    inputs = INPUTS.clone()
    inputs[5001, 2] = torch.nan
    with pytest.raises(RuntimeError, match=r"network a: .*NaN for input 5001:"):
        funcsim.compare(*_networks(device), inputs.split(100))


def test_errors_of_an_iterable_are_its_own() -> None:
    def batches() -> Iterator[Tensor]:
        yield INPUTS
        raise KeyError("disk")

    with pytest.raises(KeyError, match="disk"):
        funcsim.compare(A, B, batches())


def test_a_tensor_gives_what_a_stream_gives_but_for_the_chance_of_sketches(device: torch.device) -> None:
    """Exactly for "exact"; sketches of a tensor shuffle over all inputs, of a stream within blocks."""
    for method in ("exact", "minhash"):
        tensor = funcsim.compare(*_networks(device), INPUTS, method=method, num_hashes=64)
        stream = _whole(device, method)
        assert (tensor.score, tensor.standard_error) == (stream.score, stream.standard_error)
        assert (tensor.chance == stream.chance) == (method == "exact")
        assert tensor.chance == pytest.approx(stream.chance, abs=0.05)


def test_the_chance_of_a_tensor_in_class_order_is_right() -> None:
    """Blocks of such inputs hold little else than one class: shuffled within them, units still fire together."""
    torch.manual_seed(0)
    a, b = (nn.Sequential(nn.Linear(16, 40), nn.ReLU(), nn.Linear(40, 2)) for _ in range(2))
    classes = 2 * torch.randn(5, 16)
    inputs = classes.repeat_interleave(4096, dim=0) + torch.randn(5 * 4096, 16)
    exact = funcsim.compare(a, b, inputs, method="exact").chance
    assert funcsim.compare(a, b, inputs, method="minhash").chance == pytest.approx(exact, abs=0.025)
    assert funcsim.compare(a, b, [inputs], method="minhash").chance > exact + 0.05
