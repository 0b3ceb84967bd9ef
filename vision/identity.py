"""Whether two pictures show the same person, as dlib's face recognition sees it (He et al. 2015, the network of dlib 19.3).

    reader = Identity()
    likeness = cosine(reader.embed(photos), reader.embed(images))      # [batch]: 1 for equal faces, 0.84 for strangers

Faces are cut as FFHQ's were, so that nothing has to be found in them. Its cosines are all high: compare them with strangers'.
"""

import importlib.util
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

import utils
from errors import InputError

SIDE = 256  # pixels, to which faces are enlarged
# Of the side: left, top, right, bottom of a face in FFHQ's cut, where its five points are looked for.
FACE = (0.2, 0.3, 0.8, 0.9)
POINTS, NETWORK = "shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat"
MISSING = "comparing people needs packages, 100 MB: pip install -e .[identity]"


class Identity:
    """Raises InputError, one line with the remedy, where the extra `identity` is not installed."""

    def __init__(self):
        try:
            import dlib
        except ImportError:
            raise InputError(MISSING) from None
        found = importlib.util.find_spec("face_recognition_models")  # not imported: it asks for an old setuptools
        if found is None:
            raise InputError(MISSING)
        folder = Path(found.origin).parent / "models"
        self.rectangle = dlib.rectangle(*(round(part * SIDE) for part in FACE))
        self.points, self.network = (
            kind(str(folder / name))
            for kind, name in ((dlib.shape_predictor, POINTS), (dlib.face_recognition_model_v1, NETWORK))
        )

    def embed(self, images: Tensor) -> Tensor:
        """[batch, 3, size, size] in [-1, 1] -> [batch, 128]."""
        return torch.stack([self._embed(picture) for picture in utils.to_pictures(images)])

    def _embed(self, picture: Image.Image) -> Tensor:
        pixels = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        return torch.tensor(list(self.network.compute_face_descriptor(pixels, self.points(pixels, self.rectangle))))


def cosine(ours: Tensor, theirs: Tensor) -> Tensor:
    """Of the embeddings of the same people in two sets of pictures, [batch]."""
    return F.cosine_similarity(ours, theirs)


def strangers(embeddings: Tensor) -> float:
    """The mean cosine of different people, nan for one: what a likeness has to be above.

    >>> strangers(torch.eye(3))
    0.0
    """
    cosines = F.cosine_similarity(embeddings[:, None], embeddings[None], dim=2)
    return cosines[~torch.eye(len(embeddings), dtype=torch.bool)].mean().item()
