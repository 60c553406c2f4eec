"""``funcsim help``."""

from enum import StrEnum
from typing import Annotated

import typer

from ..output import show

EXAMPLES = ""

MODELS = """\
A network is one of

  network.pt, network.ts       a TorchScript file, scripted or traced
  network.pt2                  a program of torch.export
  monday.safetensors           a sketch, as funcsim sketch writes it
  WEIGHTS@ARCHITECTURE         a state dict, .safetensors or .pt, in a network:
                                 a.safetensors@models:make
                                 mine.pt@torchvision:resnet18
  package.module:function      a function without arguments that returns a network, or a network;
                               modules are looked for in the working folder too
  torchvision:NAME             a network of torchvision with random weights (--seed)
  torchvision:NAME:WEIGHTS     with weights of torchvision's, such as DEFAULT, which are downloaded

An ARCHITECTURE is one of the last three.

Files of torch.save hold pickles. Only tensors are read from them, never other objects: unpickling
these runs whatever code is in the file. --trust-pickle does it, for files of your own."""

INPUTS = """\
Inputs are one of

  inputs.npy                   an array [inputs, features...]
  inputs.pt                    a tensor, or tensors by name
  inputs.safetensors           tensors by name
  photos/                      a folder of images, read in random order (needs torchvision)
  imdb/                        a folder that save_to_disk of datasets wrote (needs datasets)
  package.module:loader        a DataLoader, a tensor or batches, or a function that returns them

Of several tensors or columns, --key names the one that is the input. Without it, networks that aren't
Sequentials get those that their forward() takes, by name.

Give inputs such as the networks are meant for, some thousand. --limit N takes N of them at random."""


class Topic(StrEnum):
    """What there is help on."""

    MODELS = "models"
    INPUTS = "inputs"


def show_help(
    topic: Annotated[Topic, typer.Argument(metavar="TOPIC", help="models or inputs")],
) -> None:
    """Say what can be given as a network or as inputs."""
    show(MODELS if topic is Topic.MODELS else INPUTS)
