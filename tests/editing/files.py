"""Latents and directions as other programs write them."""

import numpy as np
import torch


def numbers(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def written(folder, contents, ending=".pt", name="me"):
    """As .pt by torch.save, as .npy, or as .npz."""
    path = folder / f"{name}{ending}"
    if ending == ".pt":
        torch.save(contents, path)
    elif isinstance(contents, dict):
        np.savez_compressed(path, **{key: np.asarray(value) for key, value in contents.items()})
    else:
        np.save(path, np.asarray(contents))
    return path
