"""A photo's cartoon by a network in an ONNX file (scripts.export), without a search and without PyTorch: in a moment.

cartoonist = Cartoonist(Path("cartoon.onnx"))
drawn = cartoonist.draw(face)                             # face: size x size, cut as the network's were
drawn.cartoon.save("me.png")
"""

import os
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import threads
from errors import InputError, printable, reading

KIND = "photo to cartoon"
PICTURES = ("cartoon", "projected")  # names of its outputs that are pictures; the third is the latent
OUTPUTS = (*PICTURES, "latent")
WRITE = "python -m scripts.export writes one"
LARGEST = 2**31  # bytes, of which no such file has more


class Drawn(NamedTuple):
    """latent: [n_latent, style_dim], in w+ of the network of photos, which draws `projected` of it."""

    cartoon: Image.Image
    projected: Image.Image
    latent: np.ndarray


class Cartoonist:
    """
    size: of the faces it takes and gives
    told: {name: text}, what the file says of itself

    Raises InputError for what is no such file, and where the package that runs it is missing.
    """

    def __init__(self, path: Path):
        with reading(path, WRITE):
            self._session = _session(path)
            self.told = {key: printable(text, 300) for key, text in self._session.get_modelmeta().custom_metadata_map.items()}
            self.size = _size(self._session, self.told.get("kind", ""))

    def draw(self, face: Image.Image) -> Drawn:
        """RGB, size x size."""
        pixels = np.asarray(face, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
        try:
            cartoon, projected, latent = self._session.run(OUTPUTS, {"photo": pixels})
        except Exception as error:  # its errors have no common kind
            raise InputError(f"the network fails: {printable(str(error), 200)}") from None
        if not all(np.isfinite(part).all() for part in (cartoon, projected, latent)):
            raise InputError("the network gives no numbers (NaN or Inf) for this face")
        return Drawn(_picture(cartoon[0]), _picture(projected[0]), latent[0])


def _picture(image: np.ndarray) -> Image.Image:
    """[3, size, size] in [-1, 1], as `utils.to_pictures`."""
    return Image.fromarray(np.rint((image + 1) * np.float32(127.5)).clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def _session(path: Path):
    """The network, ready to run on the processor."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError("running it needs a package: pip install -e .[onnx]") from None
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # more of it costs more than one face gains
    options.graph_optimization_level = level
    options.log_severity_level = 4
    options.intra_op_num_threads = threads.used()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as all threads here
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path.stat().st_size / 2**30:.1f} GiB are no such network")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return onnxruntime.InferenceSession(os.fspath(path), options, ["CPUExecutionProvider"])
    except MemoryError:
        raise
    except Exception:  # its errors have no common kind
        raise InputError(f"no network in ONNX that can be run; {WRITE}") from None


def _size(session, kind: str) -> int:
    """Of a network from photo to cartoon. Raises InputError for another one."""
    ends = [*session.get_inputs(), *session.get_outputs()]
    takes, gives = ({one.name: one.shape for one in some} for some in (session.get_inputs(), session.get_outputs()))
    size = [0, *takes.get("photo", [])][-1]
    pictures = [takes.get("photo"), *(gives.get(name) for name in PICTURES)]
    fits = type(size) is int and all(shape is not None and shape[1:] == [3, size, size] for shape in pictures)
    fits &= len(takes) == 1 and tuple(gives) == OUTPUTS and len(gives["latent"]) == 3
    if kind != KIND or not fits or any(one.type != "tensor(float)" for one in ends):
        what = f"is one from {kind}" if kind not in ("", KIND) else f"takes {_named(takes)} and gives {_named(gives)}"
        raise InputError(f"no network from photo to cartoon: it {what}; {WRITE}")
    return size


def _named(shapes: dict[str, list]) -> str:
    return printable(", ".join(f"{name} {shape}" for name, shape in shapes.items()), 80)
