"""Directions as other programs keep them, in the terms of `directions.Directions`.

    understood(files.load("ganspace.npz"), "ganspace", generator)      # {"vectors": [80, 512], "scale": [80], ...}

| program | holds |
|---|---|
| stylegan2-pytorch | {ckpt, eigvec [style_dim, K], a direction in each column} |
| GANSpace, and what e4e takes from it | lat_comp [K, 1, style_dim], lat_stdev [K], lat_mean; or comp, std, mean |
| InterFaceGAN | age_w_boundary.npy: [1, style_dim] |
| e4e, pSp | age.pt: [1, style_dim], or [n_latent, style_dim] with a vector for each layer |

A degree of a vector that is not of unit length is as long as the vector, so that factors keep their published meaning.
"""

import torch
from torch import Tensor

from drawer import Drawer
from editing import files
from editing.latent_formats import KEYS, are_layers, space_of
from errors import InputError

GANSPACE = {"lat_comp": ("lat_stdev", "lat_mean"), "comp": ("std", "mean")}
ONES = ("boundary", "boundaries", "direction", "directions")  # names of bare vectors
OURS = ("vectors", "scale", "mean", "values", "layers", "names", "method", "ckpt", "edits", "command", "space")
UNIT = 1e-3  # by how much the length of a unit vector may be off


def understood(contents: dict, stem: str, network: Drawer | None = None) -> dict:
    """The fields of `Directions` by their names in our files, and `note`: what had to be decided. Raises InputError.

    stem:    the file's name without its ending, for directions without a name
    network: that they are for, or anything with its size, n_latent and style_dim; None: layers stay unseen
    """
    contents = {str(name): value if name in OURS else files.numbers(value) for name, value in contents.items()}
    if "vectors" in contents:
        return contents
    if isinstance(contents.get("eigvec"), Tensor) and contents["eigvec"].ndim == 2:
        return {"vectors": contents["eigvec"].T, "ckpt": contents.get("ckpt", ""), "method": "sefa"}
    if space_of(stem) == "z":
        raise InputError("by its name a direction in z; those in w can be applied")
    for name, (deviation, mean) in GANSPACE.items():
        if isinstance(contents.get(name), Tensor) and contents[name].ndim in (2, 3):
            return _of_ganspace(contents[name], contents.get(deviation), contents.get(mean), network)
    tensors = {name: value for name, value in contents.items() if isinstance(value, Tensor)}
    named = next((name for name in ("", *ONES) if name in tensors), None)
    if named is not None:
        vectors, note = shaped(tensors[named], network)
        names = files.texts(contents.get("names", files.numbered(stem, len(vectors))), len(vectors), stem)
        beside = {"layers": contents["layers"]} if isinstance(contents.get("layers"), list) else {}
        return _scaled({"vectors": vectors, "names": names, "note": note} | beside)
    described = "a latent file" if set(contents) & set(KEYS) else files.described(contents)
    if not tensors or described in ("a checkpoint of networks", "a latent file"):
        raise InputError(f"not a direction file ({described}); closed_form_factorization.py writes one")
    return _by_name(tensors, stem, network)


def shaped(vectors: Tensor, network: Drawer | None = None) -> tuple[Tensor, str]:
    """[K, style_dim], or [K, n_latent, style_dim]; and what had to be decided, since two dimensions may be either."""
    files.check_numbers(vectors, "directions")
    if vectors.ndim == 1:
        return vectors[None], ""
    if vectors.ndim > 3:
        vectors = vectors.flatten(0, -3)
    if vectors.ndim == 3:
        return (vectors[:, 0] if vectors.shape[1] == 1 else vectors), ""
    count, size = vectors.shape
    if network is not None and size == 1 < count == network.style_dim:
        return vectors.T, f"[{count}, 1] is one direction, in a column"
    if network is not None and count > 1 and are_layers(vectors, network, "direction", "directions"):
        return vectors[None], f"[{count}, {size}] is one direction, a vector for each of the {count} layers"
    return vectors, ""


def _of_ganspace(components: Tensor, deviation: object, mean: object, network: Drawer | None) -> dict:
    """Degrees are standard deviations, where the file has them."""
    components = components[:, None] if components.ndim == 2 else components
    vectors, _ = shaped(components, network)
    fields = {"vectors": vectors, "method": "ganspace"}
    if isinstance(deviation, Tensor):
        if deviation.numel() != len(vectors):
            raise InputError(f"damaged ({len(vectors)} directions, but {deviation.numel()} standard deviations)")
        fields["scale"] = deviation.reshape(-1).float()
    if isinstance(mean, Tensor) and mean.numel() == vectors.shape[-1]:
        fields["mean"] = mean.reshape(-1)
    return _scaled(fields)


def _by_name(tensors: dict[str, Tensor], stem: str, network: Drawer | None) -> dict:
    """{name: direction}, or a list of them."""
    parts = {name: shaped(vector, network) for name, vector in tensors.items()}
    if len({vectors.shape[1:] for vectors, _ in parts.values()}) > 1:
        known = "none with a known name (eigvec, lat_comp)"
        raise InputError(f"several arrays of different shapes, {known}: {files.shapes(tensors)}")
    stems = {name: stem if name.isdecimal() else name for name in parts}
    names = [text for name, (vectors, _) in parts.items() for text in files.numbered(stems[name], len(vectors))]
    names = names if len(set(names)) == len(names) else files.numbered(stem, len(names))
    vectors = torch.cat([vectors for vectors, _ in parts.values()])
    return _scaled({"vectors": vectors, "names": names, "note": next(iter(parts.values()))[1]})


def _scaled(fields: dict) -> dict:
    """Vectors of unit length, and their lengths in `scale`; those for each layer stay as they are, on the layers they move."""
    vectors = fields["vectors"].float()
    files.check_numbers(vectors, "directions")
    if not vectors.any():
        raise InputError("damaged (directions that are zero)")
    if vectors.ndim == 3:
        layers = [i for i in range(vectors.shape[1]) if vectors[:, i].any()]
        return fields | {"vectors": vectors} | ({} if len(layers) == vectors.shape[1] else {"layers": layers})
    lengths = vectors.double().norm(dim=1)
    if (zero := [i for i, length in enumerate(lengths.tolist()) if not length]) and len(vectors) > 1:
        raise InputError(f"direction {zero[0]} is zero")
    if ((lengths - 1).abs() > UNIT).any():
        fields["scale"] = (fields.get("scale", 1.0) * lengths).float()
        vectors = (vectors.double() / lengths[:, None]).float()
    return fields | {"vectors": vectors}
