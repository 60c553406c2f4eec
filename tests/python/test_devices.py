"""The devices that tests run on, and above all the emulated one, which must not forgive what CUDA doesn't."""

import copy
import io
import subprocess
import sys

import built
import devices
import pytest
import torch
from torch import Tensor, nn

DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.uint8,
    torch.int32,
    torch.int64,
    torch.bool,
]

# The head of programs that end in the middle.
START = f"""
import ctypes, sys
import torch
sys.path.insert(0, {str(built.ROOT / "tests/python")!r})
import devices
from emulated_device import open_memory
devices.ready("emulated:0")
def values(tensor): return ctypes.cast(tensor.data_ptr(), ctypes.POINTER(ctypes.c_float))
"""


@pytest.fixture(params=[devices.emulated])
def emulated(request: pytest.FixtureRequest) -> torch.device:
    return devices.ready(request.param)


def run_in_a_process(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + text], capture_output=True, text=True, timeout=120, check=False
    )


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.GELU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(72, 40), nn.LayerNorm(40), nn.Dropout(), nn.Linear(40, 10), nn.Softmax(1)),
    )
    return network.eval()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_come_back_as_they_went(device: torch.device, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    for shape in [(), (0,), (3,), (4, 5), (2, 0, 3), (2, 3, 4)]:
        values = (torch.randn(shape) * 3).to(dtype)
        there = values.to(device)
        assert there.device == device
        assert torch.equal(there.cpu(), values)
        assert there.tolist() == values.tolist()


def test_views_share_memory(device: torch.device) -> None:
    matrix = torch.arange(12.0).reshape(3, 4).to(device)
    matrix.t()[1:, 1] = -1
    matrix.view(2, 6).as_strided((2,), (7,))[0] = 9
    assert matrix.cpu().tolist() == [[9, 1, 2, 3], [4, -1, -1, -1], [8, 9, 10, 11]]
    assert matrix.unfold(1, 2, 1)[2, 1].tolist() == [9, 10]


def test_negated_views_are_numbers_where_they_go(device: torch.device) -> None:
    negated = torch._neg_view(torch.arange(6.0).reshape(2, 3).to(device))
    for numbers in (negated.cpu(), negated.resolve_neg(), negated + 0, negated.clone()):
        assert numbers.tolist() == [[-0.0, -1, -2], [-3, -4, -5]]
    assert negated[1, 2].item() == -5


def test_a_tensor_grows(device: torch.device) -> None:
    tensor = torch.arange(3.0).to(device)
    tensor.resize_(2000)
    assert tensor[:3].tolist() == [0, 1, 2]
    tensor.untyped_storage().resize_(40000)
    assert tensor.untyped_storage().nbytes() == 40000
    assert tensor[:3].tolist() == [0, 1, 2]


def test_networks_compute_what_they_do_on_the_cpu(device: torch.device) -> None:
    network, inputs = small_network(), torch.randn(5, 3, 8, 8)
    expected = network(inputs)
    there = copy.deepcopy(network).to(device)(inputs.to(device))
    assert there.device == device
    if device.type == "emulated":
        assert torch.equal(there.cpu(), expected)
    torch.testing.assert_close(there.cpu(), expected)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_programs_are_compiled(device: torch.device, backend: str) -> None:
    def program(x: Tensor, weight: Tensor) -> Tensor:
        return torch.where(x @ weight > 0, x.amax(1, keepdim=True), torch.cat([weight, weight], 1)[:1, :5])

    torch.manual_seed(0)
    x, weight = torch.randn(3, 4), torch.randn(4, 5)
    compiled = torch.compile(program, backend=backend, fullgraph=True)(x.to(device), weight.to(device))
    torch.testing.assert_close(compiled.cpu(), program(x, weight))


def test_state_dicts_are_saved_with_their_device(device: torch.device) -> None:
    state, file = small_network().to(device).state_dict(), io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded = torch.load(file)
    assert {tensor.device for tensor in loaded.values()} == {device}
    assert all(torch.equal(loaded[name].cpu(), state[name].cpu()) for name in state)


def test_pinned_memory_is_known_as_such(emulated: torch.device) -> None:
    pinned = torch.arange(5).pin_memory()
    assert pinned.is_pinned()
    assert not torch.arange(5).is_pinned()
    assert pinned.to(emulated).tolist() == [0, 1, 2, 3, 4]


def test_there_are_two_devices(emulated: torch.device) -> None:
    other = torch.device("emulated:1")
    x = torch.ones(2, 3, device=emulated)
    assert x.to(other).device == other
    assert x.to(other).tolist() == x.tolist()
    with torch.accelerator.device_index(1):
        assert torch.empty(1, device="emulated").device == other
    assert torch.empty(1, device="emulated").device == emulated
    with pytest.raises(RuntimeError, match="no device 2"):
        torch.empty(1, device="emulated:2")


@pytest.mark.parametrize("other", ["emulated:1", "cpu"])
def test_devices_do_not_mix(emulated: torch.device, other: str) -> None:
    x, y = torch.ones(2, 3, device=emulated), torch.ones(3, 2, device=other)
    for call in [
        lambda: x @ y,
        lambda: x + y.t(),
        lambda: torch.cat([x, y.t()]),
        lambda: nn.functional.linear(x, y.t()),
    ]:
        with pytest.raises(RuntimeError, match=f"same device.*emulated:0.* and {other}"):
            call()
    assert (x + torch.tensor(2.0)).tolist() == [[3.0] * 3] * 2  # numbers may come from the CPU


def test_new_memory_holds_junk(emulated: torch.device) -> None:
    junk = int.from_bytes(b"\xcd" * 8, "little", signed=True)
    for _ in range(2):  # also what was in use before
        memory = torch.empty(100, dtype=torch.int64, device=emulated)
        assert set(memory.tolist()) == {junk}
        memory.zero_()
        del memory
        torch.accelerator.synchronize()


def test_the_host_cannot_touch_device_memory(emulated: torch.device) -> None:
    for access in ["print(values(x)[3])", "values(x)[3] = 1"]:
        run = run_in_a_process("x = torch.ones(4, device='emulated:1')\n" + access)
        assert run.returncode == -11, run.stderr
        assert "host access to device memory at 0x" in run.stderr
        assert "ctypes" in run.stderr  # in the backtrace


def test_it_can_while_the_device_works(emulated: torch.device) -> None:
    run = run_in_a_process("""
x = torch.ones(4, device='emulated:1')
with open_memory():
    with open_memory():
        pass
    print(values(x)[3], flush=True)
values(x)[3]
""")
    assert run.stdout == "1.0\n"
    assert run.returncode == -11, run.stderr


def test_writing_past_the_end_shows_when_memory_is_released(emulated: torch.device) -> None:
    text = """
x = torch.ones(7, device='emulated')
with open_memory():
    values(x)[{}] = 1
del x
torch.accelerator.synchronize()  # memory is released when work is done that came before
print('ok')
"""
    assert run_in_a_process(text.format(6)).stdout == "ok\n"
    run = run_in_a_process(text.format(7))
    assert run.returncode == -6, run.stderr
    assert "something was written after the end of device memory" in run.stderr


def signatures_of(device: torch.device, seed: int) -> Tensor:
    torch.manual_seed(seed)
    return torch.ops.funcsim.activation_signatures(torch.randn(1000, 30).to(device))


@pytest.mark.parametrize("index", [0, 1])
def test_operators_leave_their_work_in_the_stream(emulated: torch.device, index: int) -> None:
    there, cpu = torch.device(emulated.type, index), torch.device("cpu")
    a, b = signatures_of(there, 0), signatures_of(there, 1)
    torch.accelerator.synchronize(there)
    stream = torch.accelerator.current_stream(there)
    assert stream.query()
    similarity = torch.ops.funcsim.jaccard(a, b)
    del b  # its memory is kept as long as work needs it
    torch.accelerator.synchronize(torch.device(emulated.type, 1 - index))
    assert not stream.query()
    assert torch.equal(similarity.cpu(), torch.ops.funcsim.jaccard(signatures_of(cpu, 0), signatures_of(cpu, 1)))


def test_streams_wait_for_each_other_only_if_told_to(emulated: torch.device) -> None:
    a, stream = signatures_of(emulated, 0), torch.Stream(emulated)
    torch.accelerator.synchronize()
    with stream:
        similarity = torch.ops.funcsim.jaccard(a, a)
        event = stream.record_event()
    similarity.record_stream(torch.accelerator.current_stream())
    assert (similarity.cpu().view(torch.uint8) == 0xCD).all()  # junk: nothing is done yet
    event.wait()
    assert (similarity.diag() == 1).all()


def test_what_kernels_find_wrong_is_told_later(emulated: torch.device) -> None:
    for device in [emulated, torch.device("emulated:1")]:
        x = torch.randn(20, 4).to(device)
        x[7, 3] = torch.nan
        torch.ops.funcsim.activation_signatures(x)
        torch.accelerator.synchronize(device)
        with pytest.raises(RuntimeError, match=r"an earlier call .* NaN, got one at sample 7, unit 3"):
            torch.ops.funcsim.activation_signatures(x)


def test_operators_are_recorded_into_graphs(device: torch.device) -> None:
    if device.type == "cpu":
        pytest.skip("the CPU has no graphs")
    x = torch.randn(100, 12).to(device)

    def similarity() -> Tensor:
        signatures = torch.ops.funcsim.activation_signatures(x)
        return torch.ops.funcsim.jaccard(signatures, signatures[:5])

    similarity()  # on CUDA, what comes first loads kernels, which can't be recorded
    replay, result = devices.record_graph(device, similarity)
    for seed in range(3):
        torch.manual_seed(seed)
        x.copy_(torch.randn(100, 12))
        replay()
        assert torch.equal(result, similarity())
