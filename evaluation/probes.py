"""What pretrained networks are compared on: pieces of photographs that ship in packages, and tones made by formula."""

from functools import cache

import matplotlib.cbook
import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor


@cache
def photographs() -> tuple[Tensor, ...]:
    """Colour photographs, float32 ``[3, height, width]`` from -1 to 1: two of scikit-learn's, one of a face."""
    images = [*load_sample_images().images]
    with Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as face:
        images.append(np.asarray(face))
    return tuple((torch.from_numpy(image.copy()).float().permute(2, 0, 1) - 127.5) / 128 for image in images)


def patches(count: int, size: int, seed: int = 0) -> Tensor:
    """Square pieces of the photographs at random places and scales, float32 ``[count, 3, size, size]``."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for index in range(count):
        image = photographs()[index % len(photographs())]
        smallest = min(image.shape[1:])
        side = int(size * (smallest / size) ** torch.rand((), generator=generator).item())
        top, left = (
            int(torch.randint(extent - side + 1, (), generator=generator).item()) for extent in image.shape[1:]
        )
        piece = image[None, :, top : top + side, left : left + side]
        rows.append(torch.nn.functional.interpolate(piece, size=(size, size), mode="area")[0])
    return torch.stack(rows)


def tones(count: int, seed: int = 0) -> Tensor:
    """Frames of 1024 samples at 16 kHz, standardised as CREPE wants them, float32 ``[count, 1, 1024, 1]``.

    Each is a harmonic tone of 50 to 1000 Hz with a random spectral envelope, vibrato and some noise.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    time = torch.arange(1024) / 16000
    pitch = 50 * 20 ** uniform(0, 1, 1)
    vibrato = uniform(0, 0.02, 1) * torch.sin(2 * torch.pi * (uniform(3, 8, 1) * time + uniform(0, 1, 1)))
    phase = 2 * torch.pi * torch.cumsum(pitch * (1 + vibrato), dim=1) / 16000
    order = torch.arange(1, 21, dtype=torch.float32)
    loudness = order ** -uniform(0.3, 2, 1) * uniform(0.1, 1, 20)
    loudness = loudness * (pitch * order < 8000)  # none above half of the sampling rate
    harmonics = torch.sin(phase[:, None, :] * order[None, :, None] + uniform(0, 2 * torch.pi, 20, 1))
    frames = (loudness[:, :, None] * harmonics).sum(dim=1)
    noise = torch.randn(count, 1024, generator=generator)
    frames = frames / frames.std(dim=1, keepdim=True) + 10 ** uniform(-3, -0.5, 1) * noise
    frames = (frames - frames.mean(dim=1, keepdim=True)) / frames.std(dim=1, keepdim=True)
    return frames[:, None, :, None]
