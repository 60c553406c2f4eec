"""Batches as modules take them: tensors, mappings, tuples, dataclasses; padding; functions that run a module."""

import dataclasses
from collections import UserDict, namedtuple
from collections.abc import Mapping
from typing import Any, NamedTuple

import funcsim
import numpy as np
import pytest
import torch
from module_zoo import Encoder, Repeated, Residual
from oracle import modules
from oracle.modules import Layer
from test_modules import IMAGES, ROWS, made
from torch import Tensor, nn

WORDS = torch.randint(0, 50, (21, 9), generator=torch.Generator().manual_seed(0))
LENGTHS = torch.randint(1, 10, (21,), generator=torch.Generator().manual_seed(1))
PADDING = torch.arange(9)[None] >= LENGTHS[:, None]
FEED_FORWARD = [f"encoder.layers.{layer}.linear{part}" for layer in range(2) for part in (1, 2)]


def _scores(a: nn.Module, b: nn.Module, inputs: Any, **options: Any) -> list[float]:
    return [layer.score for layer in funcsim.compare(a, b, inputs, **options).layers]


def _padded(words: Tensor, padding: Tensor) -> dict[str, Tensor]:
    return {"src": words, "src_key_padding_mask": padding}


@pytest.mark.parametrize("positions", [16, 1, "any"])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.filterwarnings("ignore:.*nested tensors is in prototype:UserWarning")
def test_padding_is_no_sample(positions: int | str, batch_first: bool) -> None:
    a, b = (made(Encoder, seed, batch_first=batch_first) for seed in (1, 2))
    inputs = _padded(WORDS, PADDING)
    got = funcsim.compare(a, b, inputs, positions=positions)
    assert [layer.name_a for layer in got.layers] == FEED_FORWARD
    layers = [Layer(name, inputs=0 if batch_first else 1) for name in FEED_FORWARD]
    bits = [modules.bits(m, lambda m=m: m(**inputs), layers, positions, 0, ~PADDING.numpy()) for m in (a, b)]
    assert [layer.score for layer in got.layers] == pytest.approx(modules.scores(*bits), abs=1e-6)


@pytest.mark.parametrize("positions", [16, "any"])
def test_how_much_padding_there_is_does_not_matter(positions: int | str) -> None:
    """Batches that are padded to their own longest text, by hand or all alike."""
    a, b = made(Encoder, 1).double(), made(Encoder, 2).double()
    whole = funcsim.compare(a, b, _padded(WORDS, PADDING), positions=positions)
    batches = []
    for start in (0, 5, 10, 15):
        rows = slice(start, start + (5 if start < 15 else 6))
        longest = int(LENGTHS[rows].max())
        batches.append(_padded(WORDS[rows, :longest], PADDING[rows, :longest]))
    assert len({batch["src"].shape[1] for batch in batches}) > 1
    parts = funcsim.compare(a, b, batches, positions=positions)
    assert [layer.score for layer in parts.layers] == [layer.score for layer in whole.layers]


@pytest.mark.parametrize("positions", [16, "any"])
def test_where_the_padding_is_does_not_matter(positions: int | str) -> None:
    """Before a text, behind it, or within: this network doesn't know of places."""
    a, b = made(Encoder, 1).double(), made(Encoder, 2).double()
    behind = funcsim.compare(a, b, _padded(WORDS, PADDING), positions=positions)
    before = funcsim.compare(a, b, _padded(WORDS.flip(1), PADDING.flip(1)), positions="any")
    assert positions != "any" or [layer.score for layer in before.layers] == [layer.score for layer in behind.layers]
    words, padding = torch.zeros(21, 14, dtype=torch.int64), torch.ones(21, 14, dtype=torch.bool)
    places = torch.tensor([1, 2, 4, 5, 6, 8, 10, 12, 13])
    words[:, places], padding[:, places] = WORDS, PADDING
    among = funcsim.compare(a, b, _padded(words, padding), positions=positions)
    assert [layer.score for layer in among.layers] == [layer.score for layer in behind.layers]


class Pooling(nn.Module):
    """Looks at pairs of words, then at texts: grids that aren't those of the mask."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.words, self.pairs = nn.Linear(8, 8), nn.Conv1d(8, 8, 2, stride=2)
        self.texts, self.head = nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.words(self.embedding(input_ids)).relu() * attention_mask[:, :, None]
        x = self.pairs(x.transpose(1, 2)).relu()
        return self.head(self.texts(x.mean(dim=2)).relu())


@pytest.mark.parametrize("positions", [16, 1, "any"])
def test_padding_in_layers_of_other_grids(positions: int | str) -> None:
    a, b = made(Pooling, 1), made(Pooling, 2)
    inputs = {"input_ids": WORDS, "attention_mask": (~PADDING).long()}
    layers = [Layer("words"), Layer("pairs", units=1), Layer("texts")]
    bits = [modules.bits(m, lambda m=m: m(**inputs), layers, positions, 0, ~PADDING.numpy()) for m in (a, b)]
    got = funcsim.compare(a, b, inputs, positions=positions)
    assert [layer.score for layer in got.layers] == pytest.approx(modules.scores(*bits), abs=1e-6)


class Masked(nn.Module):
    """Takes its mask under other names, one of which is Hugging Face's, and gives a named tuple."""

    Output = namedtuple("Output", ["logits"])

    def __init__(self) -> None:
        super().__init__()
        self.encoder = made(Encoder, 1)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, key_padding_mask: Tensor | None = None
    ) -> Any:
        padding = key_padding_mask if attention_mask is None else attention_mask == 0
        return self.Output(self.encoder(input_ids, padding).logits)


@pytest.mark.parametrize(
    "mask",
    [
        {"attention_mask": (~PADDING).long()},
        {"attention_mask": (~PADDING).float() / 2},
        {"src_key_padding_mask": PADDING.float() * -1e9 + 0.25},
        {"key_padding_mask": PADDING},
    ],
)
def test_kinds_of_masks(mask: dict[str, Tensor]) -> None:
    expected = _scores(made(Encoder, 1), made(Encoder, 2), _padded(WORDS, PADDING))
    if "src_key_padding_mask" in mask:
        got = _scores(made(Encoder, 1), made(Encoder, 2), {"src": WORDS, **mask})
    else:
        a, b = Masked(), Masked()
        b.encoder.load_state_dict(made(Encoder, 2).state_dict())
        got = _scores(a, b, {"input_ids": WORDS, **mask, "labels": torch.zeros(21)})
    assert got == pytest.approx(expected, abs=0.02)  # a number that is added leaves rounding


def test_padding_and_all_positions() -> None:
    a = made(Encoder, 1)
    none = torch.zeros_like(PADDING)
    assert _scores(a, a, _padded(WORDS, none), positions="all") == [1, 1, 1, 1]
    with pytest.raises(ValueError, match=r"network a: layer encoder\.layers\.0\.linear1: .*padding.*\"any\""):
        funcsim.compare(a, a, _padded(WORDS, PADDING), positions="all")


def test_texts_of_padding_only() -> None:
    a = made(Encoder, 1)
    padding = PADDING.clone()
    padding[7] = True
    for batches in (
        _padded(WORDS, padding),
        [_padded(*parts) for parts in zip(WORDS.split(5), padding.split(5), strict=True)],
    ):
        with pytest.raises(ValueError, match="input 7 has nothing but padding"):
            funcsim.compare(a, a, batches)


def test_grids_that_change() -> None:
    """With "all" every input must have as many samples; a single token may come later, but not first."""
    a = made(Encoder, 1)
    batches = [{"src": WORDS[:5]}, {"src": WORDS[5:9, :4]}, {"src": WORDS[9:12, :1]}]
    assert _scores(a, a, batches) == [1, 1, 1, 1]
    with pytest.raises(ValueError, match=r"grid of \[4\] positions in this batch, and had 9 in the first"):
        funcsim.compare(a, a, batches, positions="all")
    with pytest.raises(ValueError, match=r"grid of \[4\] positions in this batch, and had 1 in the first"):
        funcsim.compare(a, a, batches[::-1])


@dataclasses.dataclass
class Texts:
    """A batch."""

    words: Tensor
    names: list[str]


class Pair(NamedTuple):
    """Another one."""

    names: list[str]
    words: Tensor


FORMS: dict[str, Any] = {
    "a tensor": IMAGES,
    "batches": IMAGES.split(4),
    "tuples with targets": [(part, torch.zeros(len(part))) for part in IMAGES.split(4)],
    "a list of names": [[part, ["name"] * len(part)] for part in IMAGES.split(4)],
    "the argument's name": [{"x": part} for part in IMAGES.split(4)],
    "another name": [{"image": part, "label": torch.zeros(len(part))} for part in IMAGES.split(4)],
    "the only tensor": [{"pictures": part, "names": ["a"] * len(part)} for part in IMAGES.split(4)],
    "another mapping": [UserDict(x=part) for part in IMAGES.split(4)],
    "mappings with targets": [({"x": part}, torch.zeros(len(part))) for part in IMAGES.split(4)],
    "one mapping": {"x": IMAGES, "label": torch.zeros(21)},
    "empty ones among them": [{"x": IMAGES[:0]}, {"x": IMAGES[:8]}, {"x": IMAGES[8:]}],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_batches(form: str) -> None:
    a, b = made(Residual, 1).double(), made(Residual, 2).double()
    expected = _scores(a, b, IMAGES.double())

    def double(batch: Any) -> Any:
        if isinstance(batch, Tensor):
            return batch.double()
        if isinstance(batch, Mapping | UserDict):
            return type(batch)({key: double(value) for key, value in batch.items()})
        return type(batch)(double(part) for part in batch) if isinstance(batch, tuple | list) else batch

    assert _scores(a, b, double(FORMS[form])) == expected


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_blocks_are_kept_across_batches_of_mappings(method: str) -> None:
    """Batches of any size, across the end of a block of 4096, as if they had been one."""
    a, b = made(Repeated, 1).double(), made(Repeated, 2).double()
    rows = torch.randn(4096 + 77, 6, generator=torch.Generator().manual_seed(0)).double()
    whole = funcsim.compare(a, b, [rows], method=method, num_hashes=64)
    for size in (4173, 1000, 333):
        got = funcsim.compare(a, b, [{"x": part} for part in rows.split(size)], method=method, num_hashes=64)
        assert got.to_dict() == whole.to_dict()


def test_functions_that_run_a_module() -> None:
    a, b = made(Encoder, 1), made(Encoder, 2)
    expected = _scores(a, b, WORDS)
    for batches, call in (
        ([(torch.zeros(len(part)), part) for part in WORDS.split(7)], lambda m, batch: m(batch[1])),
        ([Texts(part, ["a"]) for part in WORDS.split(7)], lambda m, batch: m(batch.words)),
        ([Pair(["a"], part) for part in WORDS.split(7)], lambda m, batch: m(batch.words)),
        ([{"words": part, "n": 3} for part in WORDS.split(7)], lambda m, batch: m(src=batch["words"])),
        (WORDS, lambda m, batch: m(batch)),
    ):
        assert _scores(a, b, batches, call=call) == expected
    got = funcsim.sketch(a, [(0, WORDS)], call=lambda m, batch: m(batch[1]))
    assert funcsim.compare(got, a, [(0, WORDS)], call=lambda m, batch: m(batch[1])).score == 1
    assert funcsim.stability(a, [(0, WORDS)], sigmas=[0], call=lambda m, batch: m(batch[1])).scores.tolist() == [[1]]


def test_with_a_function_sequentials_are_run_too() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    got = funcsim.compare(model, model, [(0, ROWS)], call=lambda m, batch: m(batch[1]))
    assert (got.read_a, got.score) == ("hooks", 1)


def test_call_must_be_a_function() -> None:
    for function in (
        lambda: funcsim.compare(made(Repeated, 1), made(Repeated, 2), ROWS, call="forward"),
        lambda: funcsim.sketch(made(Repeated, 1), ROWS, call=3),
        lambda: funcsim.stability(made(Repeated, 1), ROWS, call=3),
    ):
        with pytest.raises(TypeError, match="call must be a function of a model and a batch"):
            function()


class ManyArguments(nn.Module):
    """Takes what other modules would not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, rows: Tensor, *, scale: float = 1.0, **others: Any) -> list[Any]:
        assert not others
        x = self.second(self.first(rows * scale).relu())
        return [self.head(x), {"hidden": x}, None]


def test_of_a_mapping_what_forward_takes() -> None:
    a, b = made(ManyArguments, 1), made(ManyArguments, 2)
    expected = _scores(a, b, ROWS * 3)
    assert _scores(a, b, {"rows": ROWS, "scale": 3.0, "label": torch.zeros(33)}) == expected
    assert _scores(a, b, {"image": ROWS, "scale": 3.0}) == expected


class TwoInputs(nn.Module):
    """Could take its one input under either name."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = made(ManyArguments, 1)

    def forward(self, rows: Tensor, image: Tensor | None = None) -> Any:
        return self.inner(rows if image is None else rows + image)


def test_the_only_tensor_is_given_once() -> None:
    assert _scores(TwoInputs(), made(ManyArguments, 1), {"image": ROWS}) == [1, 1]


class OwnMask(nn.Module):
    """Attention of its own, with a mask for every pair of words."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = made(Encoder, 1)

    def forward(self, src: Tensor, attention_mask: Tensor) -> Any:
        assert attention_mask.dim() > 2
        return self.encoder(src)


def test_masks_of_other_shapes_mark_no_padding() -> None:
    a = OwnMask()
    pairs = {"src": WORDS, "attention_mask": torch.zeros(21, 1, 9, 9)}
    got = funcsim.sketch(a, pairs, num_hashes=8)
    assert [layer.counts.tolist() for layer in got.layers] == [
        layer.counts.tolist() for layer in funcsim.sketch(a.encoder, WORDS, num_hashes=8).layers
    ]


class AllKeywords(nn.Module):
    """Takes all keywords there are."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = made(ManyArguments, 1)

    def forward(self, **keywords: Any) -> Any:
        return self.inner(**keywords)


def test_a_forward_of_keywords_only_gets_all() -> None:
    assert _scores(AllKeywords(), AllKeywords(), {"rows": ROWS, "scale": 2.0}) == [1, 1]


def test_batches_that_fit_no_module() -> None:
    a = made(Encoder, 1)
    with pytest.raises(ValueError, match=r"network a: a batch has the keys 'one', 'two', and Encoder\.forward takes"):
        funcsim.compare(a, a, {"one": WORDS, "two": WORDS})
    with pytest.raises(TypeError, match="batch 1 is a Tensor, but the batches before hold mappings"):
        funcsim.compare(a, a, [{"src": WORDS}, WORDS])
    with pytest.raises(TypeError, match=r"batch 0 \(dict\) holds no tensors"):
        funcsim.compare(a, a, [{"src": "text"}])
    with pytest.raises(ValueError, match="at least one input"):
        funcsim.compare(a, a, [{"src": WORDS[:0]}])
    with pytest.raises(ValueError, match="no batches"):
        funcsim.compare(a, a, [])
    with pytest.raises(TypeError, match=r"inputs are a ndarray.*torch.from_numpy"):
        funcsim.compare(a, a, np.zeros((3, 4)))
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(TypeError, match="inputs are a dict"):
        funcsim.compare(model, model, {"x": ROWS})


def test_hashes_of_batches_do_not_depend_on_the_split() -> None:
    a = made(Encoder, 1)
    one = funcsim.sketch(a, _padded(WORDS, PADDING), num_hashes=8)
    split = [_padded(WORDS[rows], PADDING[rows]) for rows in (slice(0, 4), slice(4, 21))]
    assert funcsim.sketch(a, split, num_hashes=8).inputs_sha256 == one.inputs_sha256
    with_more = [{**batch, "count": torch.tensor(len(batch["src"])), "table": torch.zeros(3)} for batch in split]
    assert funcsim.sketch(a, with_more, num_hashes=8).inputs_sha256 == one.inputs_sha256
    model = made(Repeated, 1)
    rows = ROWS.clone().requires_grad_()
    assert funcsim.sketch(model, {"x": rows}).inputs_sha256 == funcsim.sketch(model, ROWS).inputs_sha256
    changed = PADDING.clone()
    changed[0, -1] = ~changed[0, -1]
    assert funcsim.sketch(a, _padded(WORDS, changed), num_hashes=8).inputs_sha256 != one.inputs_sha256


def test_mappings_on_devices(device: torch.device) -> None:
    """Batches come from the CPU to wherever the networks are."""
    a = made(Repeated, 1).to(device)
    assert funcsim.compare(a, a, [{"x": part} for part in ROWS.split(10)]).score == 1
