"""Loads inputs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import Problem
from ..imports import call_without_arguments, import_object, is_import_path, meant
from .arrays import load_tensors
from .datasets_folder import is_datasets_folder, load_datasets_folder
from .images import image_files, load_images

SOURCES = (
    "a .npy, .pt or .safetensors file, a folder of images, a folder that datasets has saved, or package.module:loader"
)


@dataclass(frozen=True)
class InputOptions:
    """How inputs are read.

    Attributes:
        key: The tensor or column that is the input, where there are several.
        split: Of a dataset.
        limit: How many inputs to take; None for all.
        batch_size: Images or rows read at a time.
        image_size: Height and width that images are cut to.
        transform: Import path of what makes a tensor of an image.
        seed: Of the order of images and rows, and of what ``limit`` draws.
        trust_pickle: Whether files may be unpickled.
    """

    key: str | None = None
    split: str | None = None
    limit: int | None = None
    batch_size: int = 64
    image_size: int = 224
    transform: str | None = None
    seed: int = 0
    trust_pickle: bool = False


def load_inputs(source: str, options: InputOptions, dtype: torch.dtype | None) -> Tensor | Iterable[Any]:
    """Inputs as :func:`funcsim.compare` takes them.

    Floating-point tensors are converted to the network's dtype, as arrays of NumPy's are float64 unless somebody cared.

    Args:
        source: As the command line names it.
        options: How to read it.
        dtype: Of the network, or None.

    Raises:
        Problem: It can't be loaded.
    """
    if not source:
        raise Problem("--inputs is empty", expected=SOURCES)
    path = Path(source)
    folder = path.is_dir()
    if options.transform is not None and not folder:
        raise Problem(f"--transform {options.transform} is for folders of images", got=source)
    if options.split is not None and not is_datasets_folder(path):
        raise Problem(f"--split {options.split} is for folders that datasets has saved", got=source)
    if folder:
        return _of_folder(path, options, dtype)
    if path.exists():
        tensors = load_tensors(source, options.key, options.trust_pickle)
        return _limited(_converted(tensors, dtype), options)
    if not is_import_path(source):
        raise Problem(f"there is no file or folder {source}", expected=SOURCES, advice=meant(source))
    return _of_object(source, options, dtype)


def _of_folder(path: Path, options: InputOptions, dtype: torch.dtype | None) -> Iterable[Any]:
    transform = None if options.transform is None else _transform(options.transform)
    loader: Iterable[Any]
    if is_datasets_folder(path):
        loader = load_datasets_folder(
            path, transform=transform, **_common(options), key=options.key, split=options.split
        )
    elif image_files(path):
        if options.key is not None:
            raise Problem(f"--key {options.key} chooses one of several tensors", got=f"{path}, a folder of images")
        loader = load_images(path, transform=transform, **_common(options))
    else:
        raise Problem(
            f"the folder {path} holds no images and no dataset",
            expected="files such as .jpg and .png, or what save_to_disk of datasets wrote",
        )
    return _Converted(loader, dtype)


def _common(options: InputOptions) -> dict[str, Any]:
    return {
        "limit": options.limit,
        "batch_size": options.batch_size,
        "image_size": options.image_size,
        "seed": options.seed,
    }


def _transform(path: str) -> Callable[[Any], Tensor]:
    """What an import path names: a transform, or a function without arguments that makes one."""
    found = import_object(path)
    if not callable(found):
        raise Problem(f"--transform {path}", expected="a function from image to tensor", got=type(found).__name__)
    transform: Callable[[Any], Tensor] = found
    return transform


def _of_object(source: str, options: InputOptions, dtype: torch.dtype | None) -> Tensor | Iterable[Any]:
    wanted = "a DataLoader, a tensor or other batches"
    found = import_object(source)
    if callable(found) and not isinstance(found, Tensor | Iterable):
        found = call_without_arguments(source, found, wanted)
    if isinstance(found, Tensor | Mapping):
        return _limited(_converted(_chosen(found, options.key, source), dtype), options)
    if not isinstance(found, Iterable):
        raise Problem(source, expected=wanted, got=type(found).__name__)
    return _Converted(found, dtype, options.key, options.limit)


def _chosen(batch: Any, key: str | None, place: str) -> Any:
    """The tensor of a batch that --key names, or the batch."""
    if key is None:
        return batch
    if not isinstance(batch, Mapping) or key not in batch:
        got = f"the keys {', '.join(map(repr, batch))}" if isinstance(batch, Mapping) else type(batch).__name__
        raise Problem(f"{place} has no tensor {key!r}", expected="what --key names", got=got)
    return batch[key]


def _converted(batch: Any, dtype: torch.dtype | None) -> Any:
    """A batch with its floating-point tensors in a dtype."""
    if isinstance(batch, Tensor):
        return batch.to(dtype) if dtype is not None and batch.is_floating_point() else batch
    if isinstance(batch, Mapping):
        return {key: _converted(value, dtype) for key, value in batch.items()}
    if isinstance(batch, list | tuple) and not hasattr(batch, "_fields"):
        return type(batch)(_converted(value, dtype) for value in batch)
    return batch


def _limited(tensors: Tensor | dict[str, Tensor], options: InputOptions) -> Tensor | list[dict[str, Tensor]]:
    """Some of the inputs, in their order; tensors by name as one batch."""
    first = tensors if isinstance(tensors, Tensor) else next(iter(tensors.values()))
    if options.limit is not None and first.dim() > 0 and options.limit < len(first):
        generator = torch.Generator().manual_seed(options.seed)
        chosen = torch.randperm(len(first), generator=generator)[: options.limit].sort().values
        if isinstance(tensors, Tensor):
            tensors = tensors[chosen]
        else:
            tensors = {key: value[chosen] if len(value) == len(first) else value for key, value in tensors.items()}
    return tensors if isinstance(tensors, Tensor) else [tensors]


class _Converted:
    """Batches with floating-point tensors in a dtype, as many as are wanted."""

    def __init__(
        self, batches: Iterable[Any], dtype: torch.dtype | None, key: str | None = None, limit: int | None = None
    ):
        self._batches = batches
        self._dtype = dtype
        self._key = key
        self._limit = limit
        dataset = getattr(batches, "sampler", getattr(batches, "dataset", None))
        # A progress bar asks for it.
        self.dataset = dataset if limit is None or dataset is None else range(min(limit, len(dataset)))

    def __iter__(self) -> Iterator[Any]:
        left = self._limit
        for number, given in enumerate(self._batches):
            batch = _converted(_chosen(given, self._key, f"batch {number}"), self._dtype)
            if left is not None:
                batch, taken = _first(batch, left)
                left -= taken
            yield batch
            if left == 0:
                return


def _first(batch: Any, most: int) -> tuple[Any, int]:
    """The first inputs of a batch, and how many these are."""
    if isinstance(batch, Tensor):
        return batch[:most], min(most, len(batch))
    if isinstance(batch, Mapping):
        cut = {key: value[:most] for key, value in batch.items() if isinstance(value, Tensor) and value.dim()}
        return {**batch, **cut}, next(map(len, cut.values()), most)
    if isinstance(batch, list | tuple) and batch:
        first, taken = _first(batch[0], most)
        return (first, *(_first(rest, most)[0] for rest in batch[1:])), taken
    return batch, 0
