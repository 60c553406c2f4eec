"""Datasets on disk, as the package ``datasets`` saves them."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..errors import Problem
from .images import imagenet_transform, random_order

MARKS = ("dataset_info.json", "dataset_dict.json")


def is_datasets_folder(folder: Path) -> bool:
    """Whether ``save_to_disk`` wrote a folder."""
    return any((folder / mark).exists() for mark in MARKS)


def load_datasets_folder(
    folder: Path,
    *,
    key: str | None,
    split: str | None,
    transform: Callable[[Any], Tensor] | None,
    limit: int | None,
    batch_size: int,
    image_size: int,
    seed: int,
) -> DataLoader[dict[str, Tensor]]:
    """Rows in random order, batches of tensors by column; images are transformed.

    Args:
        folder: The dataset.
        key: The column that is the input; None for all columns that are tensors.
        split: The split, where there are several.
        transform: Makes a tensor of an image; None for torchvision's of ImageNet.
        limit: Most rows to take.
        batch_size: Rows of a batch.
        image_size: Height and width that torchvision's transform cuts.
        seed: Of the order.

    Raises:
        Problem: The package isn't installed, or there is no such split or column.
    """
    if find_spec("datasets") is None:
        raise Problem(
            f"{folder} is a dataset, and the package datasets is not installed", advice="pip install datasets."
        )
    import datasets  # optional

    dataset: Any = datasets.load_from_disk(str(folder))
    if isinstance(dataset, datasets.DatasetDict):
        if split is None and len(dataset) == 1:
            (split,) = dataset
        if split not in dataset:
            got = "no --split" if split is None else f"--split {split}"
            raise Problem(f"{folder} has the splits {', '.join(dataset)}", expected="one of them", got=got)
        dataset = dataset[split]
    if key is not None and key not in dataset.column_names:
        raise Problem(f"{folder} has no column {key!r}", expected=f"one of {', '.join(dataset.column_names)}")
    columns = dataset.column_names if key is None else [key]
    rows = dataset.select_columns(columns).select(random_order(len(dataset), seed, limit))
    images = [name for name in columns if isinstance(rows.features[name], datasets.Image)]
    to_tensor = (transform or imagenet_transform(image_size)) if images else None
    texts = [name for name in columns if getattr(rows.features[name], "dtype", None) == "string"]
    if texts and key is None:
        rows = rows.remove_columns(texts)
        columns = [name for name in columns if name not in texts]
    if not columns or key in texts:
        raise Problem(
            f"{folder} holds text in {', '.join(texts)}",
            expected="numbers or images",
            advice="Run its tokenizer over it by map(), and save the result.",
        )

    def collate(batch: list[dict[str, Any]]) -> dict[str, Tensor]:
        return {name: torch.stack([_tensor(row[name], name, to_tensor) for row in batch]) for name in columns}

    return DataLoader(rows, batch_size=batch_size, collate_fn=collate)


def _tensor(value: Any, column: str, to_tensor: Callable[[Any], Tensor] | None) -> Tensor:
    if to_tensor is not None and hasattr(value, "convert"):  # an image of PIL's
        return to_tensor(value.convert("RGB"))
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise Problem(
            f"column {column} can't be made a tensor ({error})", expected="numbers, or lists of equal length"
        ) from error
