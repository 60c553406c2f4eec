"""Inputs from what the command line names.

| source | what it is |
|---|---|
| ``inputs.npy`` | an array ``[inputs, features...]``, read without unpickling |
| ``inputs.pt`` | a tensor, or tensors by name, of ``torch.save`` |
| ``inputs.safetensors`` | tensors by name |
| ``photos/`` | a folder of images, also in folders in it |
| ``imdb/`` | a folder that ``save_to_disk`` of ``datasets`` wrote |
| ``package.module:loader`` | a DataLoader, a tensor or other batches, or a function that returns such |
"""

from .load import InputOptions, load_inputs

__all__ = ["InputOptions", "load_inputs"]
