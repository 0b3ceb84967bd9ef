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
from editing.latent_formats import ENCODED, KEYS, pixels_of, space_of
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
    found = {name: value for name, value in contents.items() if isinstance(value, Tensor)}
    named = next((name for name in ("", *ONES) if name in found), None)
    if named is not None:
        vectors, note = shaped(found[named], network)
        names = files.texts(contents.get("names"), len(vectors), "")
        names = _numbered(stem, len(vectors)) if names[0] == " 0" else names
        beside = {"layers": contents["layers"]} if isinstance(contents.get("layers"), list) else {}
        return _scaled({"vectors": vectors, "names": names, "note": note} | beside)
    if not found or files.described(contents) in ("a checkpoint of networks", "a latent file") or set(found) & set(KEYS):
        raise InputError(f"not a direction file ({_told(contents)}); closed_form_factorization.py writes one")
    return _by_name(found, stem, network)


def shaped(vectors: Tensor, network: Drawer | None = None) -> tuple[Tensor, str]:
    """[K, style_dim], or [K, n_latent, style_dim]; and what had to be decided, since two dimensions may be either."""
    _check_numbers(vectors)
    if vectors.ndim == 1:
        return vectors[None], ""
    if vectors.ndim > 3:
        vectors = vectors.flatten(0, -3)
    if vectors.ndim == 3:
        return (vectors[:, 0] if vectors.shape[1] == 1 else vectors), ""
    count, size = vectors.shape
    if network is not None and size == 1 < count == network.style_dim:
        return vectors.T, f"[{count}, 1] is one direction, in a column"
    if network is None or count == 1:
        return vectors, ""
    if count == network.n_latent:
        return vectors[None], f"[{count}, {size}] is one direction, a vector for each of the {count} layers"
    if count in ENCODED:
        raise InputError(
            f"[{count}, {size}] looks like one direction of a network of {pixels_of(count)} px, which has {count} layers; this "
            f"one has {network.n_latent} ({network.size} px). {count} directions are read from [{count}, 1, {size}]"
        )
    return vectors, ""


def _of_ganspace(components: Tensor, deviation: object, mean: object, network: Drawer | None) -> dict:
    """Degrees are standard deviations, where the file has them."""
    components = components[:, None] if components.ndim == 2 else components
    vectors, _ = shaped(components, network)
    found = {"vectors": vectors, "method": "ganspace"}
    if isinstance(deviation, Tensor):
        if deviation.numel() != len(vectors):
            raise InputError(f"damaged ({len(vectors)} directions, but {deviation.numel()} standard deviations)")
        found["scale"] = deviation.reshape(-1).float()
    if isinstance(mean, Tensor) and mean.numel() == vectors.shape[-1]:
        found["mean"] = mean.reshape(-1)
    return _scaled(found)


def _by_name(found: dict[str, Tensor], stem: str, network: Drawer | None) -> dict:
    """{name: direction}, or a list of them."""
    parts = {name: shaped(vector, network) for name, vector in found.items()}
    if len({vectors.shape[1:] for vectors, _ in parts.values()}) > 1:
        shapes = ", ".join(f"{files.printable(name)} {list(vector.shape)}" for name, vector in list(found.items())[:6])
        raise InputError(f"several arrays of different shapes, none with a known name (eigvec, lat_comp): {shapes}")
    names = [
        text for name, (vectors, _) in parts.items() for text in _numbered(stem if name.isdecimal() else name, len(vectors))
    ]
    names = names if len(set(names)) == len(names) else _numbered(stem, len(names))
    vectors = torch.cat([vectors for vectors, _ in parts.values()])
    return _scaled({"vectors": vectors, "names": names, "note": next(iter(parts.values()))[1]})


def _scaled(found: dict) -> dict:
    """Vectors of unit length, and their lengths in `scale`; those for each layer stay as they are, on the layers they move."""
    vectors = found["vectors"].float()
    _check_numbers(vectors)
    if vectors.ndim == 3:
        layers = [i for i in range(vectors.shape[1]) if vectors[:, i].any()]
        return found | {"vectors": vectors} | ({} if len(layers) == vectors.shape[1] else {"layers": layers})
    lengths = vectors.double().norm(dim=1)
    if (zero := [i for i, length in enumerate(lengths.tolist()) if not length]) and len(vectors) > 1:
        raise InputError(f"direction {zero[0]} is zero")
    if ((lengths - 1).abs() > UNIT).any():
        found["scale"] = (found.get("scale", 1.0) * lengths).float()
        vectors = (vectors.double() / lengths[:, None]).float()
    return found | {"vectors": vectors}


def _check_numbers(vectors: Tensor) -> None:
    if not vectors.is_floating_point() or not vectors.ndim or not vectors.numel():
        kind = str(vectors.dtype).removeprefix("torch.")
        raise InputError(f"damaged (directions {list(vectors.shape)} of {kind}, expected floating point)")
    if not vectors.float().isfinite().all():
        raise InputError(f"damaged (directions {list(vectors.shape)} with NaN or Inf)")
    if not vectors.any():
        raise InputError("damaged (directions that are zero)")


def _numbered(stem: str, count: int) -> list[str]:
    return [stem] if count == 1 else [f"{stem} {index}" for index in range(count)]


def _told(contents: dict) -> str:
    return "a latent file" if set(contents) & set(KEYS) else files.described(contents)
