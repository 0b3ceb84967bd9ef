"""Features of pictures, for distances between sets of them: [batch, 3, size, size] in [-1, 1] -> [batch, dims].

    features = DiscriminatorFeatures(checkpoint.read("ffhq256.pt").discriminator())
    features(images)                                        # [batch, sum of its channels]

Inception's features are the published standard, and need a file. The others need none, and compare only with themselves.
"""

import importlib.util
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

import utils
from checkpoint import container
from errors import InputError, printable, reading
from model import Discriminator

INCEPTION_FILE = Path("networks") / "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE.name}"
PIXELS_SIDE = 16  # pixels, to which pictures are averaged down


def pixels(images: Tensor) -> Tensor:
    """The picture itself, averaged down to 16x16: [batch, 768]."""
    return F.adaptive_avg_pool2d(images, min(PIXELS_SIDE, images.shape[-1])).flatten(1)


class DiscriminatorFeatures:
    """Mean over all places of each feature map of a frozen discriminator, from FromRGB to 4x4: [batch, sum of channels].

    The layers behind it compare the pictures of a batch, so they would depend on the company.
    """

    def __init__(self, discriminator: Discriminator):
        self.discriminator = discriminator.eval().requires_grad_(False)

    def __call__(self, images: Tensor) -> Tensor:
        return torch.cat([maps.mean((2, 3)) for maps in self.discriminator.features(images)], dim=1)


class InceptionFeatures:
    """Inception-v3 as in the published FID: 8-bit pictures, its 2048 pooled features, by torch-fidelity (extra `metrics`)."""

    def __init__(self, path: Path, device: torch.device | str = "cpu"):
        """Raises InputError, one line, where the file or the package is missing, or the file is something else."""
        with reading(path, f"python -m scripts.download inception fetches it ({INCEPTION_URL})"):
            if importlib.util.find_spec("torch_fidelity") is None:
                raise InputError("needs a package: pip install -e .[metrics]; disc needs none")
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

            try:
                container.load(path, lazy=True)  # refuses what holds code; torch-fidelity would run it
                network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
            except (InputError, RuntimeError) as error:
                reason = printable(str(error).splitlines()[0])
                raise InputError(f"not the weights of torch-fidelity ({reason}); see {INCEPTION_URL}") from None
        self.network = network.to(device).eval().requires_grad_(False)

    def __call__(self, images: Tensor) -> Tensor:
        return self.network(utils.eight_bits(images))[0]
