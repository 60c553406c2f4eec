"""Bad input at the operators: an error that says what, what was expected and what came. Never a crash or a guess."""

import math
from collections.abc import Callable

import devices
import funcsim  # noqa: F401  # registers the operators
import pytest
import torch
from refusals import assert_finds, assert_says

ops = torch.ops.funcsim

U8 = torch.zeros(3, 2, dtype=torch.uint8)
PADDED = torch.tensor([[0, 0], [255, 128], [0, 129]], dtype=torch.uint8)  # as signatures of 15 samples
PADDING = ["has bits set after sample 14 in unit 1: padding bits must be 0"]
I32 = torch.zeros(3, 8, dtype=torch.int32)
F32 = torch.zeros(4, 3)
ARCHITECTURE = "funcsim/1: Linear(2, 3); ReLU(); Linear(3, 1)"


def _parameters() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in [(3, 2), (3,), (1, 3), (1,)]]


def _inputs() -> torch.Tensor:
    return torch.randn(5, 2, generator=torch.Generator().manual_seed(1))


def _with(parameters: list[torch.Tensor], index: int, tensor: torch.Tensor) -> list[torch.Tensor]:
    return [*parameters[:index], tensor, *parameters[index + 1 :]]


def _nan(tensor: torch.Tensor, *index: int) -> torch.Tensor:
    tensor = tensor.clone()
    tensor[index] = math.nan
    return tensor


def _signatures(architecture: str, parameters: list[torch.Tensor], inputs: torch.Tensor, *args: object) -> object:
    return ops.network_signatures(architecture, parameters, inputs, *args)


def _compare(architecture: str, parameters: list[torch.Tensor], inputs: torch.Tensor, *args: object) -> object:
    good = devices.moved(_parameters(), inputs.device)
    return ops.compare(architecture, parameters, ARCHITECTURE, good, inputs, *args)


PRIMITIVES: dict[str, tuple[str, tuple, list[str]]] = {
    # activation_signatures
    "preactivations of one dimension": ("activation_signatures", (torch.zeros(4),), ["preactivations", "2", "[4]"]),
    "preactivations of three": ("activation_signatures", (torch.zeros(4, 3, 2),), ["preactivations", "[4, 3, 2]"]),
    "integer preactivations": ("activation_signatures", (F32.long(),), ["preactivations", "float", "int64|long"]),
    "complex preactivations": ("activation_signatures", (F32.to(torch.complex64),), ["preactivations", "complex"]),
    "bool preactivations": ("activation_signatures", (F32 > 0,), ["preactivations", "bool"]),
    "NaN preactivations": ("activation_signatures", (_nan(F32, 2, 1),), ["nan", "2", "1"]),
    "NaN in float64": ("activation_signatures", (_nan(F32.double(), 3, 2),), ["nan", "3", "2"]),
    "NaN in float16": ("activation_signatures", (_nan(F32.half(), 0, 2),), ["nan", "0", "2"]),
    "NaN in bfloat16": ("activation_signatures", (_nan(F32.bfloat16(), 1, 0),), ["nan", "1", "0"]),
    "negative margin": ("activation_signatures", (F32, -0.5), ["margin", "-0.5"]),
    "NaN margin": ("activation_signatures", (F32, math.nan), ["margin", "finite", "nan"]),
    "infinite margin": ("activation_signatures", (F32, math.inf), ["margin", "finite", "inf"]),
    # minhash
    "minhash of int32": ("minhash", (I32, 8), ["signatures", "uint8|byte", "int32|int"]),
    "minhash of one dimension": ("minhash", (U8[0], 8), ["signatures", "2", "[2]"]),
    "samples too many for the bytes": ("minhash", (U8, 17), ["signatures", "3", "17"]),
    "samples too few for the bytes": ("minhash", (U8, 8), ["signatures", "8", "2"]),
    "negative samples": ("minhash", (U8, -1), ["num_samples", "-1"]),
    "no hashes": ("minhash", (U8, 16, 0), ["num_hashes", "0"]),
    "negative hashes": ("minhash", (U8, 16, -7), ["num_hashes", "-7"]),
    "absurdly many hashes": ("minhash", (U8, 16, 2**62), ["num_hashes", str(2**62)]),
    "negative first sample": ("minhash", (U8, 16, 8, 0, -3), ["first_sample", "-3"]),
    "first sample past the end of int64": ("minhash", (U8, 16, 8, 0, 2**63 - 2), ["first_sample", str(2**63 - 2)]),
    "minhash of bits in the padding": ("minhash", (PADDED, 15), [*PADDING, "minhash: signatures"]),
    # jaccard
    "jaccard of floats": ("jaccard", (F32, U8), ["signatures_a", "uint8|byte", "float"]),
    "jaccard of other bytes": ("jaccard", (U8, U8[:, :1]), ["signatures", "2", "1"]),
    "jaccard of one dimension": ("jaccard", (U8, U8[0]), ["signatures_b", "[2]"]),
    # minhash_jaccard
    "sketches of floats": ("minhash_jaccard", (F32, I32), ["sketches_a", "int32|int", "float"]),
    "sketches of int64": ("minhash_jaccard", (I32, I32.long()), ["sketches_b", "int32|int", "int64|long"]),
    "sketches of other lengths": ("minhash_jaccard", (I32, I32[:, :5]), ["8", "5"]),
    "sketches of one dimension": ("minhash_jaccard", (I32[0], I32), ["sketches_a", "[8]"]),
    "sketches without slots": ("minhash_jaccard", (I32[:, :0], I32[:, :0]), ["0"]),
    # linear_sum_assignment
    "cost of one dimension": ("linear_sum_assignment", (torch.zeros(4),), ["cost", "2", "[4]"]),
    "complex cost": ("linear_sum_assignment", (F32.to(torch.complex64),), ["cost", "complex64"]),
    "cost in uint16": (
        "linear_sum_assignment",
        (torch.zeros(2, 2, dtype=torch.uint16),),
        ["cost", "int64", "got uint16 [2, 2]"],
    ),
    "infeasible with duals": (
        "linear_sum_assignment_with_duals",
        (F32 + math.inf,),
        ["linear_sum_assignment_with_duals", "infeasible"],
    ),
    "NaN cost": ("linear_sum_assignment", (_nan(F32, 2, 1),), ["cost", "nan", "2", "1"]),
    "NaN cost, maximised": ("linear_sum_assignment", (_nan(F32.double(), 0, 2), True), ["cost", "nan", "0", "2"]),
    "minus infinity minimised": ("linear_sum_assignment", (F32 - math.inf,), ["cost", "inf"]),
    "infinity maximised": ("linear_sum_assignment", (F32 + math.inf, True), ["cost", "inf"]),
    "infeasible": ("linear_sum_assignment", (F32 + math.inf,), ["infeasible"]),
    # signature_statistics, shuffle_samples
    "statistics of floats": ("signature_statistics", (F32, 8), ["signatures", "uint8|byte", "float"]),
    "statistics of other bytes": ("signature_statistics", (U8, 99), ["signatures", "13", "99"]),
    "statistics before the first sample": ("signature_statistics", (U8, 16, -64), ["first_sample", "-64"]),
    "shuffle of other bytes": ("shuffle_samples", (U8, 16, 2), ["signatures", "4", "2"]),
    "shuffle of nothing an input": ("shuffle_samples", (U8, 16, 0), ["samples_per_input", "0"]),
    "shuffle of negative inputs": ("shuffle_samples", (U8, -16, 1), ["num_inputs", "-16"]),
    "shuffle whose product overflows": ("shuffle_samples", (U8, 2**62, 8), [str(2**62)]),
    "shuffle before the first input": ("shuffle_samples", (U8, 16, 1, 0, -2), ["first_input", "-2"]),
    "shuffle past the end of int64": (
        "shuffle_samples",
        (U8, 16, 1, 0, 2**63 - 1),
        ["first_input must be at least 0 and leave room for 16 inputs", str(2**63 - 1)],
    ),
    "statistics past the end of int64": (
        "signature_statistics",
        (U8.repeat(1, 4), 64, 2**63 - 64),
        ["first_sample must be at least 0 and leave room for 64 samples", str(2**63 - 64)],
    ),
    "statistics of bits in the padding": ("signature_statistics", (PADDED, 15), [*PADDING, "statistics: signatures"]),
    "shuffle of bits in the padding": ("shuffle_samples", (PADDED, 5, 3), [*PADDING, "shuffle_samples: signatures"]),
    "sketch of bits in the padding": (
        "shuffled_minhash",
        (PADDED, torch.arange(15)),
        [*PADDING, "shuffled_minhash: signatures"],
    ),
    # compare_layers, layer_scores
    "no layers": ("compare_layers", ([], [], [], [], []), ["layer"]),
    "no layers in B": ("compare_layers", ([U8], [], [], [16], []), ["layers_b"]),
    "layers of floats": ("compare_layers", ([F32], [F32], [F32], [16], [16]), ["layers_a", "float"]),
    "signatures against sketches": ("compare_layers", ([U8], [I32], [I32], [16], [16]), ["uint8|byte", "int32|int"]),
    "too few counts of samples": ("compare_layers", ([U8, U8], [U8], [U8], [16], [16]), ["num_samples_a", "2", "1"]),
    "too few shuffled layers": ("compare_layers", ([U8], [U8, U8], [U8], [16], [16, 16]), ["shuffled_b", "2", "1"]),
    "shuffled layer of another size": ("compare_layers", ([U8], [U8], [U8[:2]], [16], [16]), ["shuffled_b", "3", "2"]),
    "no chance level": ("compare_layers", ([U8], [U8], [], [16], [16]), ["shuffled_b", "partners", "neither"]),
    "two chance levels": (
        "compare_layers",
        ([U8], [U8], [U8], [16], [16], "jaccard", [], torch.arange(16)),
        ["shuffled_b", "partners", "both"],
    ),
    "partners for sketches": (
        "compare_layers",
        ([I32], [I32], [], [9], [9], "jaccard", [], torch.arange(9)),
        ["partners", "signatures"],
    ),
    "partners of floats": (
        "compare_layers",
        ([U8], [U8], [], [16], [16], "jaccard", [], torch.zeros(16)),
        ["partners", "int64", "float"],
    ),
    "partner beyond the last input": (
        "compare_layers",
        ([U8], [U8], [], [16], [16], "jaccard", [], torch.arange(1, 17)),
        ["partners", "16", "15"],
    ),
    "partners of another number of inputs": (
        "compare_layers",
        ([U8], [U8], [], [16], [16], "phi", [], torch.arange(5)),
        ["partners", "5", "16"],
    ),
    "no partners": (
        "compare_layers",
        ([U8], [U8], [], [16], [16], "jaccard", [], torch.arange(0)),
        ["partners", "at least one", "0"],
    ),
    "negative partner of layer scores": (
        "layer_scores",
        ([U8], [U8], [16], [16], "jaccard", torch.tensor([0, -1])),
        ["partners", "-1|another number", "at 1"],
    ),
    "sample count that does not fit": ("compare_layers", ([U8], [U8], [U8], [17], [16]), ["17", "2"]),
    "sketches of other lengths in a pair": (
        "compare_layers",
        ([I32], [I32[:, :4]], [I32[:, :4]], [9], [9]),
        ["8", "4"],
    ),
    "unknown similarity": (
        "compare_layers",
        ([U8], [U8], [U8], [16], [16], "cosine"),
        ["similarity", "cosine", "jaccard", "phi"],
    ),
    "phi of sketches": ("compare_layers", ([I32], [I32], [I32], [9], [9], "phi"), ["phi", "exact|signatures"]),
    "odd number of pairs": ("compare_layers", ([U8], [U8], [U8], [16], [16], "jaccard", [0, 0, 0]), ["pairs", "3"]),
    "pair of a layer that is not there": (
        "compare_layers",
        ([U8], [U8], [U8], [16], [16], "jaccard", [0, 5]),
        ["pairs", "5"],
    ),
    "pair before the first layer": (
        "compare_layers",
        ([U8], [U8], [U8], [16], [16], "jaccard", [-1, 0]),
        ["pairs", "-1"],
    ),
    "layer paired twice": (
        "compare_layers",
        ([U8, U8], [U8, U8], [U8, U8], [16] * 2, [16] * 2, "jaccard", [0, 0, 0, 1]),
        ["pairs", "0"],
    ),
    "layer scores of an unknown similarity": (
        "layer_scores",
        ([U8], [U8], [16], [16], "euclid"),
        ["similarity", "euclid"],
    ),
    "layers with bits in the padding": (
        "compare_layers",
        ([U8, PADDED], [U8, U8], [U8, U8], [15, 15], [15, 15]),
        [*PADDING, "compare_layers: layers_a[1]"],
    ),
    "shuffled layers with bits in the padding": (
        "compare_layers",
        ([U8], [U8], [PADDED], [15], [15]),
        [*PADDING, "compare_layers: shuffled_b[0]"],
    ),
    "layer scores of bits in the padding": (
        "layer_scores",
        ([U8], [PADDED], [15], [15]),
        [*PADDING, "layer_scores: layers_b[0]"],
    ),
    "layer scores of other counts": ("layer_scores", ([U8], [U8], [16], [16, 3]), ["num_samples_b", "1", "2"]),
    "layer scores of phi of sketches": ("layer_scores", ([I32], [I32], [9], [9], "phi"), ["phi"]),
}


@pytest.mark.parametrize("case", PRIMITIVES)
def test_primitives(device: torch.device, case: str) -> None:
    name, arguments, words = PRIMITIVES[case]
    there = devices.moved(arguments, device)
    assert_finds(lambda: getattr(ops, name)(*there), device, *words)


def test_partners_of_more_inputs_than_fit_in_memory() -> None:
    inputs = torch.zeros(1).expand(2**50)
    assert_says(lambda: ops.shuffle_partners(inputs), "memory", f"partners of {2**50} inputs")


BAD_NETWORKS: dict[str, tuple[Callable[[], tuple], list[str]]] = {
    "too few parameters": (lambda: (ARCHITECTURE, _parameters()[:3], _inputs()), ["4", "3", "parameter|tensor"]),
    "too many parameters": (lambda: (ARCHITECTURE, [*_parameters(), F32], _inputs()), ["4", "5", "parameter|tensor"]),
    "no parameters": (lambda: (ARCHITECTURE, [], _inputs()), ["4", "0"]),
    "weight of another shape": (
        lambda: (ARCHITECTURE, _with(_parameters(), 0, torch.zeros(3, 5)), _inputs()),
        ["Linear", "weight", "[3, 2]", "[3, 5]"],
    ),
    "bias of another shape": (
        lambda: (ARCHITECTURE, _with(_parameters(), 1, torch.zeros(4)), _inputs()),
        ["Linear", "bias", "[3]", "[4]"],
    ),
    "parameters of two dtypes": (
        lambda: (ARCHITECTURE, _with(_parameters(), 2, torch.zeros(1, 3).double()), _inputs()),
        ["float64|double", "float32|float"],
    ),
    "integer parameters": (
        lambda: (ARCHITECTURE, [parameter.long() for parameter in _parameters()], _inputs().long()),
        ["float", "int64|long"],
    ),
    "inputs of another dtype": (
        lambda: (ARCHITECTURE, _parameters(), _inputs().double()),
        ["inputs", "float64|double", "float32|float"],
    ),
    "inputs of integers": (lambda: (ARCHITECTURE, _parameters(), _inputs().int()), ["inputs", "int32|int", "float"]),
    "inputs of another width": (lambda: (ARCHITECTURE, _parameters(), torch.zeros(5, 7)), ["Linear", "2", "7"]),
    "one input without a batch": (lambda: (ARCHITECTURE, _parameters(), torch.zeros(2)), ["inputs", "[2]"]),
    "no inputs": (lambda: (ARCHITECTURE, _parameters(), torch.zeros(0, 2)), ["inputs", "0"]),
    "NaN in inputs": (lambda: (ARCHITECTURE, _parameters(), _nan(_inputs(), 3, 1)), ["nan", "Linear", "0"]),
    "NaN in weights": (
        lambda: (ARCHITECTURE, _with(_parameters(), 0, _nan(_parameters()[0], 1, 1)), _inputs()),
        ["nan", "Linear", "0"],
    ),
    "NaN in a bias": (
        lambda: (ARCHITECTURE, _with(_parameters(), 1, _nan(_parameters()[1], 2)), _inputs()),
        ["nan", "Linear", "0"],
    ),
    "no hidden layer": (
        lambda: ("funcsim/1: Linear(2, 3); ReLU()", _parameters()[:2], _inputs()),
        ["hidden"],
    ),
    "no layers at all": (lambda: ("funcsim/1: ", [], _inputs()), ["hidden"]),
    "a convolution on rows": (
        lambda: ("funcsim/1: Conv2d(2, 1, [1, 1], bias=false); Linear(2, 1, bias=false)",
                 [torch.zeros(1, 2, 1, 1), torch.zeros(1, 2)], _inputs()),
        ["Conv2d", "4", "[N, 2]"],
    ),
    "a kernel larger than the image": (
        lambda: ("funcsim/1: Conv1d(1, 1, [9], bias=false); Flatten(); Linear(2, 1, bias=false)",
                 [torch.zeros(1, 1, 9), torch.zeros(1, 2)], torch.zeros(5, 1, 4)),
        ["Conv1d", "9", "4"],
    ),
    "negative variance": (
        lambda: ("funcsim/1: Linear(2, 1, bias=false); BatchNorm1d(1, affine=false); Linear(1, 1, bias=false)",
                 [torch.ones(1, 2), torch.zeros(1), -torch.ones(1), torch.ones(1, 1)], _inputs()),
        ["BatchNorm1d", "nan|negative|variance|running_var"],
    ),
}  # fmt: skip


ABOUT_PARAMETERS = ("too ", "no p", "weight", "bias", "parameters", "integer", "no hidden", "no layers")


@pytest.mark.parametrize("operator", ["network_signatures", "network_sketches", "compare"])
@pytest.mark.parametrize("case", BAD_NETWORKS)
def test_networks(device: torch.device, case: str, operator: str) -> None:
    make, words = BAD_NETWORKS[case]
    arguments = devices.moved(make(), device)
    call = {"network_signatures": _signatures, "network_sketches": ops.network_sketches, "compare": _compare}[operator]
    assert_says(lambda: call(*arguments), *words)


@pytest.mark.parametrize("case", [case for case in BAD_NETWORKS if case.startswith(ABOUT_PARAMETERS)])
def test_canonicalize(device: torch.device, case: str) -> None:
    make, words = BAD_NETWORKS[case]
    architecture, parameters, _ = devices.moved(make(), device)
    assert_says(lambda: ops.canonicalize(architecture, parameters), *words)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_canonicalize_refuses_weights_without_a_norm(device: torch.device, value: float) -> None:
    parameters = devices.moved(_parameters(), device)
    parameters[0][1, 1] = value
    assert_says(lambda: ops.canonicalize(ARCHITECTURE, parameters), "Linear", "0", "nan|inf|finite")


OPTIONS: dict[str, tuple[tuple, list[str]]] = {
    "negative margin": ((-1.5,), ["margin", "-1.5"]),
    "NaN margin": ((math.nan,), ["margin", "nan"]),
    "infinite margin": ((math.inf,), ["margin", "inf"]),
    "positions below any": ((0.0, -2), ["positions", "-2"]),
    "absurdly many positions": ((0.0, 2**62), ["positions"]),
    "negative first input": ((0.0, 16, 0, -5), ["first_input", "-5"]),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_of_network_signatures(device: torch.device, case: str) -> None:
    options, words = OPTIONS[case]
    conv = "funcsim/1: Conv1d(1, 2, [1], bias=false); Conv1d(2, 1, [1], bias=false)"
    arguments = devices.moved((conv, [torch.ones(2, 1, 1), torch.ones(1, 2, 1)], torch.ones(3, 1, 4)), device)
    assert_says(lambda: ops.network_signatures(*arguments, *options), *words)


@pytest.mark.parametrize("num_hashes", [0, -1, 2**62])
def test_num_hashes(num_hashes: int) -> None:
    assert_says(
        lambda: ops.network_sketches(ARCHITECTURE, _parameters(), _inputs(), 0.0, 16, 0, num_hashes),
        "num_hashes",
        str(num_hashes),
    )
    for method in ("minhash", "auto"):
        assert_says(
            lambda method=method: _compare(ARCHITECTURE, _parameters(), _inputs(), method, num_hashes),
            "num_hashes",
            str(num_hashes),
        )


def test_unknown_method() -> None:
    assert_says(
        lambda: _compare(ARCHITECTURE, _parameters(), _inputs(), "cosine"),
        "method",
        "cosine",
        "exact",
        "minhash",
        "auto",
    )


META: dict[str, Callable[[], object]] = {
    "jaccard": lambda: ops.jaccard(U8, U8.to("meta")),
    "minhash_jaccard": lambda: ops.minhash_jaccard(I32.to("meta"), I32),
    "compare_layers": lambda: ops.compare_layers([U8], [U8.to("meta")], [U8], [16], [16]),
    "network_signatures inputs": lambda: _signatures(ARCHITECTURE, _parameters(), _inputs().to("meta")),
    "network_signatures weight": lambda: _signatures(
        ARCHITECTURE, _with(_parameters(), 2, torch.zeros(1, 3, device="meta")), _inputs()
    ),
    "network_sketches": lambda: ops.network_sketches(ARCHITECTURE, _parameters(), _inputs().to("meta")),
    "canonicalize": lambda: ops.canonicalize(ARCHITECTURE, _with(_parameters(), 1, torch.zeros(3, device="meta"))),
    "compare": lambda: _compare(ARCHITECTURE, _with(_parameters(), 0, torch.zeros(3, 2, device="meta")), _inputs()),
}


@pytest.mark.parametrize("case", META)
def test_two_devices(case: str) -> None:
    assert_says(META[case], "meta", "cpu")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quantized_tensors() -> None:
    """Of a dtype that the stable ABI has no name for."""
    quantized = torch.quantize_per_tensor(torch.randn(5, 2), 0.1, 0, torch.qint8)
    expected = "a tensor of another kind of numbers, of shape [5, 2]"
    for call, words in (
        (lambda: ops.activation_signatures(quantized), ["preactivations", "float32"]),
        (lambda: ops.jaccard(quantized, quantized), ["signatures_a", "uint8"]),
        (lambda: ops.linear_sum_assignment(quantized), ["cost", "floating"]),
        (lambda: _signatures(ARCHITECTURE, _parameters(), quantized), ["inputs", "float32"]),
    ):
        assert_says(call, *words, expected)
