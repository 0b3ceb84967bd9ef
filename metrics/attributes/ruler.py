"""The ruler for persons: does the same latent give the same person in source and target, by the attribute regressor?

    ruler = Ruler(*regressor.read())
    source, target = (ruler.read_people(generator) for generator in (photos, cartoons))     # the same latents and noise
    result = ruler.measure(source, target, ruler.read_images(training_images))
    print(result.style, result.kept)                                                        # ST and SK: never one alone

It measures networks of the rendered domains (faces/rendered), whose attributes are known: an output counts only where the
regressor agrees with the truth in both domains. Agreement alone would prove nothing: for an attribute that it cannot see,
the regressor answers with the same mixture of others in both domains.

Distances are those of the regressor's maps before its last convolution. On the last ones, where a regressor that reads both
domains hardly tells them apart, rendered photos are nearer to cartoons than a visibly cartoon network with flaws is; what
comes out there is kept as `style_last`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

import utils
from drawer import Drawer
from errors import InputError
from faces.rendered.synthetic import render, sample_attributes
from metrics.attributes.regressor import OUTPUTS, SIZE, Reading, Regressor, Truth
from metrics.distances import frechet_distance, to_nearest
from metrics.features import batches

COUNT = 400  # faces in each set; distances between small sets depend on their size, so it is the same for all
BELIEVED = 0.85  # correlation with the truth, in both domains, from which on an output counts
SURROUNDINGS = ("bg_hue.sin", "bg_hue.cos", "shirt_hue.sin", "shirt_hue.cos", "light")  # which are not the person's
SEED = 8_000_000  # of the rendered faces that the ruler compares with; no training saw them
SHUFFLES = 20
CHUNK = 50


@dataclass
class Measurement:
    """One target network against its source.

    agreement:  AA, the mean correlation of the counted attributes between source and target
    kept:       SK = (AA - AA0) / (AA* - AA0): 0 is somebody else, 1 as faithful as the renderer of both domains
    distance:   Frechet distance to fresh cartoons
    style:      ST: 0 is still the source, 1 cannot be told from fresh cartoons
    style_last: the same on the regressor's last maps, which hardly know the domain: it falls with every flaw of the pictures
    spread:     mean standard deviation of the attributes over that of cartoons; below 0.5 the network has collapsed
    nearest:    distance to the nearest training image over that of fresh cartoons; far below 1 it repeats them. NaN without any
    attributes: correlation of each counted attribute
    """

    agreement: float
    kept: float
    distance: float
    style: float
    style_last: float
    spread: float
    nearest: float
    attributes: dict[str, float]


class Ruler:
    """The regressor, and the references of a measurement.

    outputs:  names of those that count
    shuffles: orders in which the cartoons are those of other people
    ceiling:  AA*, the agreement of the two renderings of the same people
    between:  distances "B, B'" (two sets of cartoons) and "A, B" (photos and cartoons)
    cartoons: the reading of fresh B faces
    """

    def __init__(self, regressor: Regressor, truth: Truth, count: int | None = None):
        """count: of faces in each set (default: COUNT)"""
        self.regressor, self.count = regressor, (count := count or COUNT)
        self.outputs = believed(truth)
        if not self.outputs:
            better = "python -m scripts.train_regressor makes a better one"
            raise InputError(f"the regressor reads no attribute well enough; {better}")
        self._counted, random = [OUTPUTS.index(name) for name in self.outputs], torch.Generator().manual_seed(SEED)
        self.shuffles = [torch.randperm(count, generator=random) for _ in range(SHUFFLES)]
        photos, self.cartoons = (self.read(rendered(count, domain, SEED)) for domain in "AB")
        self._others = self.read(rendered(count, "B", SEED + 1))
        self.ceiling = float(self.agreements(photos, self.cartoons).mean())
        self.between = {
            "B, B'": frechet_distance(self._others.features, self.cartoons.features),
            "A, B": frechet_distance(photos.features, self.cartoons.features),
        }

    @torch.no_grad()
    def read(self, images: Tensor) -> Reading:
        """[n, 3, size, size] in [-1, 1]; values outside are clamped, as in a file."""
        device = self.regressor.mean.device
        reading = _joined([self.regressor.read(chunk.to(device).clamp(-1, 1)) for chunk in images.split(CHUNK)])
        return Reading(*(values.cpu() for values in reading))

    @torch.no_grad()
    def read_people(self, generator: Drawer, noise: Sequence[Tensor] | None = None) -> Reading:
        """The same people for every network: z of the seeds 0 to `count` - 1. Without `noise`, that stored in the network."""
        z = utils.seeded_normal(range(self.count), generator.style_dim, device=generator.device)
        w_plus = generator.broadcast(generator.mapping(z))
        noise = noise or generator.stored_noise()
        return _joined([self.read(generator.synthesis(chunk, noise)) for chunk in w_plus.split(CHUNK)])

    def read_images(self, images: Sequence[Tensor]) -> Reading:
        """Those of a data set, uint8 [3, size, size] each."""
        return _joined([self.read(utils.from_pixels(pixels)) for pixels in batches(images, CHUNK)])

    def measure(self, source: Reading, target: Reading, training: Reading | None = None) -> Measurement:
        """source and target: the same latents through both networks, n of them as in `count`; training: any number."""
        for name, reading in (("source", source), ("target", target)):
            if len(reading.values) != self.count:
                raise InputError(f"{name}: {len(reading.values)} pictures, but this ruler compares sets of {self.count}")
        attributes = self.agreements(source, target)
        agreement = float(attributes.mean())
        others = [Reading(*(values[order] for values in target)) for order in self.shuffles]
        floor = float(torch.stack([self.agreements(source, other).mean() for other in others]).mean())
        distance = frechet_distance(target.features, self.cartoons.features)
        return Measurement(
            agreement=agreement,
            kept=structure_kept(agreement, floor, self.ceiling),
            distance=distance,
            style=self._style(source.features, target.features, "features"),
            style_last=self._style(source.last, target.last, "last"),
            spread=attribute_spread(self._counted_values(target), self._counted_values(self.cartoons)),
            nearest=nearest_ratio(target.features, self.cartoons.features, training.features) if training else float("nan"),
            attributes=dict(zip(self.outputs, attributes.tolist())),
        )

    def _style(self, source: Tensor, target: Tensor, kind: str) -> float:
        """ST on the features of one kind, a field of `Reading`."""
        cartoons = getattr(self.cartoons, kind)
        sets = target, source, getattr(self._others, kind)
        return style_reached(*(frechet_distance(features, cartoons) for features in sets))

    def agreements(self, source: Reading, target: Reading) -> Tensor:
        """Correlation of each output that counts, over people who stand in the same order in both: [outputs]."""
        return pearson(self._counted_values(source), self._counted_values(target))

    def _counted_values(self, reading: Reading) -> Tensor:
        return reading.values[:, self._counted]


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """Correlation of each column of x [n, k] with the same column of y, in float64: [k]. 0 where one of them is constant.

    >>> round(pearson(torch.tensor([[0.0], [3.0], [0.0]]), torch.tensor([[1.0], [0.0], [0.0]])).item(), 6)
    -0.5
    """
    if len(x) < 3:
        raise InputError(f"a correlation needs at least 3 pictures, got {len(x)}")
    x, y = (values.double() - values.double().mean(0) for values in (x, y))
    norms = x.norm(dim=0) * y.norm(dim=0)
    return torch.where(norms > 0, (x * y).sum(0) / norms.clamp(min=1e-300), 0.0)


def believed(truth: Truth) -> list[str]:
    """The outputs that count: of the person, and read with a correlation of at least 0.85 in both domains."""
    return [name for name in OUTPUTS if name not in SURROUNDINGS and min(truth["A"][name], truth["B"][name]) >= BELIEVED]


def structure_kept(agreement: float, floor: float, ceiling: float) -> float:
    """SK = (AA - AA0) / (AA* - AA0).

    >>> structure_kept(0.5, 0.0, 1.0)
    0.5
    """
    return (agreement - floor) / (ceiling - floor)


def style_reached(distance: float, source_distance: float, least: float) -> float:
    """ST = 1 - (FD(Gt, B) - FD(B, B')) / (FD(Gs, B) - FD(B, B')).

    >>> style_reached(3.0, 5.0, least=1.0)
    0.5
    """
    return 1 - (distance - least) / (source_distance - least)


def attribute_spread(values: Tensor, reference: Tensor) -> float:
    """SD: the mean over attributes of std(values) / std(reference); both [n, k]."""
    return float((values.double().std(0) / reference.double().std(0)).mean())


def nearest_ratio(fakes: Tensor, fresh: Tensor, training: Tensor) -> float:
    """Mean distance of fakes to the nearest training image, over the same of fresh pictures of the domain; features [n, d]."""
    return float(to_nearest(fakes, training).mean() / to_nearest(fresh, training).mean())


def kept_at_style(curve: Sequence[tuple[float, float]], style: float) -> float:
    """SK where the curve of (ST, SK) first reaches a style, on the straight line between its points; NaN if it never does.

    >>> kept_at_style([(0.0, 1.0), (0.5, 0.75)], 0.25)
    0.875
    """
    for (before, kept_before), (after, kept_after) in pairwise(curve):
        if before <= style <= after:
            share = (style - before) / (after - before) if after > before else 1.0
            return kept_before + share * (kept_after - kept_before)
    return float("nan")


def rendered(count: int, domain: str, seed: int) -> Tensor:
    """Rendered faces as a file of 8 bits holds them."""
    return utils.as_stored(render(sample_attributes(count, seed), SIZE, domain, seed))


def _joined(parts: Sequence[Reading]) -> Reading:
    return Reading(*map(torch.cat, zip(*parts)))
