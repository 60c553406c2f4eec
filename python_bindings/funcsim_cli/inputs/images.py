"""Images from a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..errors import Problem
from ..models.torchvision_models import need_torchvision

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def image_files(folder: Path) -> list[Path]:
    """The images in a folder and in folders in it, by name."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())


def load_images(
    folder: Path,
    *,
    transform: Callable[[Any], Tensor] | None,
    limit: int | None,
    batch_size: int,
    image_size: int,
    seed: int,
) -> DataLoader[Tensor]:
    """Images in random order, as folders are often one class after the other.

    Args:
        folder: Holds them.
        transform: Makes a tensor of an image of PIL's; None for torchvision's of ImageNet.
        limit: Most images to take.
        batch_size: Images of a batch.
        image_size: Height and width that torchvision's transform cuts.
        seed: Of the order.
    """
    files = image_files(folder)
    order = random_order(len(files), seed, limit)
    return DataLoader(
        _Images([files[place] for place in order], transform or imagenet_transform(image_size)), batch_size=batch_size
    )


def random_order(count: int, seed: int, limit: int | None) -> list[int]:
    """Numbers from 0 on, shuffled, at most ``limit``."""
    order: list[int] = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:limit].tolist()
    return order


def imagenet_transform(image_size: int) -> Callable[[Any], Tensor]:
    """Torchvision's for networks trained on ImageNet: resized, the middle cut out, normalised."""
    need_torchvision("reading images")
    from torchvision.transforms._presets import ImageClassification  # optional

    transform: Callable[[Any], Tensor] = ImageClassification(
        crop_size=image_size, resize_size=round(image_size * 256 / 224)
    )
    return transform


class _Images(Dataset[Tensor]):
    def __init__(self, files: Sequence[Path], transform: Callable[[Any], Tensor]):
        self._files = files
        self._transform = transform

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Tensor:
        from PIL import Image, UnidentifiedImageError  # optional

        file = self._files[index]
        try:
            with Image.open(file) as image:
                tensor = self._transform(image.convert("RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise Problem(f"{file} can't be read as an image ({error})", advice="Is it damaged?") from error
        if not isinstance(tensor, Tensor):
            raise Problem("--transform", expected="a function from image to tensor", got=type(tensor).__name__)
        return tensor
