"""What does each direction move? Directions of W against rulers for the attributes of the demo's faces, as a Markdown table.

    python -m studies.sefa
    python -m studies.sefa --layers 3-9 --normalize rows
    python -m studies.sefa --factor pca.pt --degree 1.5

A ruler is linear: one number for each attribute from the mean colours of 16x16 fields of a picture, by ridge regression on
rendered faces whose attributes are known. Only rulers are used that agree with the attributes of other renders (r of 0.85
and more); of a hue, they give the angle. Each person is drawn at 7 degrees from -d to +d. The table says of each direction

    moves        the attribute that goes furthest among those that go one way at every step on average, and for at least
                 80 % of the people (their rank correlation with the degree is 0.9 or more); + means: more of it
    by           how far from -d to +d, in standard deviations of the attribute between people of the network
    people       that share of the people
    also         other attributes that move as surely and at least half as far
    drifts       attributes that move at least half as far, but not as surely
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cli
import flags
from errors import named

if TYPE_CHECKING:
    from torch import Tensor

    from editing.directions import Directions
    from model import Generator

RENDERS, HELD_OUT, SEED, CHUNK = 3000, 1000, 7, 250
FIELDS, RIDGE = 16, 30.0
LEAST_R = 0.85
STEPS, PSI = 7, 0.7
FOLLOWS, MOST_PEOPLE = 0.9, 0.8
FIRST_STRANGER, STRANGERS = 1000, 256  # seeds of the people that give the unit, beyond those who are edited


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m studies.sefa [flags]")
    whole = cli.number(int, least=1)
    add = parser.add_argument_group("network").add_argument
    add("--ckpt", default="demo/source64.pt", metavar="FILE", help="draws photo-like faces (default: demo/source64.pt)")
    group = parser.add_argument_group("directions")
    add = group.add_argument
    add("--factor", metavar="FILE", help="direction file (default: those of SeFa for --ckpt)")
    add("--normalize", choices=("none", "rows"), default="none", help="for SeFa, see closed_form_factorization.py")
    flags.add_layers(group, "factorised and edited")
    add("--directions", type=whole, default=8, metavar="N", help="the first N of them (default: 8)")
    add("--degree", "-d", type=cli.number(above=0), default=3.0, metavar="D", help="how far, both ways (default: 3)")
    group = parser.add_argument_group("people")
    group.add_argument("--n", type=cli.number(int, least=2), default=48, metavar="N", help="people edited (default: 48)")
    flags.add_device(group)
    parser.idle_with("--normalize", "--factor")
    return parser


@dataclass
class Rulers:
    """names of K attributes, r of each on renders that were not fitted, and the linear map of `read`."""

    names: list[str]
    r: list[float]
    weight: Tensor
    offset: Tensor

    def read(self, images: Tensor) -> Tensor:
        """[batch, 3, size, size] in [-1, 1] -> [batch, K]; hues in radians."""
        import torch

        values = (fields(images) @ self.weight + self.offset).split([2 if hue(name) else 1 for name in self.names], dim=1)
        return torch.stack([torch.atan2(v[:, 1], v[:, 0]) if v.shape[1] == 2 else v[:, 0] for v in values], dim=1)


@dataclass
class Movement:
    """How an attribute goes with the degree: `by` in standard deviations between people, `people` the share that follows."""

    name: str
    by: float
    people: float
    steady: bool

    @property
    def sure(self) -> bool:
        return self.steady and self.people >= MOST_PEOPLE

    def __str__(self) -> str:
        return f"{self.name} {self.by:+.1f}"


def main(args: argparse.Namespace) -> None:
    import checkpoint
    import drawing
    import utils
    from editing import directions, sefa

    device = cli.read("--device", args.device, utils.choose_device)
    generator = cli.read("--ckpt", args.ckpt, checkpoint.read).generator().to(device)
    chosen = drawing.layers(args, generator)
    if args.factor:
        with named(f"--factor {args.factor}"):
            edits = directions.read_directions(args.factor)
            directions.check_fits(edits, generator)
        edits.layers = chosen or edits.layers
    else:
        with cli.named_by(args, "res", "layers"):
            edits = sefa.sefa(generator, chosen, args.normalize == "rows")
    rulers = fit(generator.size)
    print("rulers, with r on unseen renders: " + ", ".join(f"{name} {r:.2f}" for name, r in zip(rulers.names, rulers.r)))
    print(f"{args.n} people, degrees -{args.degree:g} to +{args.degree:g}\n")
    print("| direction | moves | by | people | also | drifts |\n|---|---|---|---|---|---|")
    unit = spread(generator, rulers)
    for index in range(min(args.directions, len(edits))):
        readings = sweep(generator, edits, index, args.degree, args.n, rulers)
        print(row(index, movements(readings / unit, rulers.names)), flush=True)


def fit(size: int) -> Rulers:
    """Rulers for domain A at this size."""
    import torch

    from faces.rendered.synthetic import ATTRIBUTES, render, sample_attributes
    from metrics.attributes.ruler import pearson

    attributes = sample_attributes(RENDERS + HELD_OUT, SEED)
    seen = []
    for first in range(0, RENDERS + HELD_OUT, CHUNK):
        chunk = {name: values[first : first + CHUNK] for name, values in attributes.items()}
        seen.append(fields(render(chunk, size, "A", SEED, first)))
    seen = torch.cat(seen)
    rulers, centre = Rulers([], [], torch.zeros(seen.shape[1], 0), torch.zeros(0)), seen[:RENDERS].double().mean(0)
    for name in ATTRIBUTES:
        value = attributes[name].double()
        target = torch.stack([(math.tau * value).cos(), (math.tau * value).sin()] if hue(name) else [value], dim=1)
        inputs, middle = seen.double() - centre, target[:RENDERS].mean(0)
        fitted = inputs[:RENDERS]
        square = fitted.T @ fitted + RIDGE * torch.eye(len(centre))
        weight = torch.linalg.solve(square, fitted.T @ (target[:RENDERS] - middle))
        read = inputs[RENDERS:] @ weight
        r = pearson(read, target[RENDERS:]).min().item()
        if r >= LEAST_R:
            rulers.names.append(name)
            rulers.r.append(r)
            rulers.weight = torch.cat([rulers.weight, weight.float()], dim=1)
            rulers.offset = torch.cat([rulers.offset, (middle - centre @ weight).float()])
    return rulers


def fields(images: Tensor) -> Tensor:
    """Mean colours of 16x16 fields: [batch, 3, size, size] -> [batch, 768]."""
    from torch.nn import functional as F

    return F.adaptive_avg_pool2d(images.float().cpu(), FIELDS).flatten(1)


def spread(generator: Generator, rulers: Rulers) -> Tensor:
    """Standard deviation of each attribute between people of the network, [K]; of hues, as if all were equally frequent."""
    from editing import latents

    strangers = latents.people(generator, range(FIRST_STRANGER, FIRST_STRANGER + STRANGERS))
    unit = rulers.read(latents.draw(generator, strangers, 32)).std(0)
    unit[[hue(name) for name in rulers.names]] = math.pi / math.sqrt(3)
    return unit


def sweep(generator: Generator, edits: Directions, index: int, degree: float, n: int, rulers: Rulers) -> Tensor:
    """What the rulers read along a direction: [steps, people, K]."""
    import torch

    from editing import directions, latents

    w_plus = latents.people(generator, range(n), PSI)
    steps = [directions.apply(w_plus, edits, index, step) for step in torch.linspace(-degree, degree, STEPS).tolist()]
    return unrolled(torch.stack([rulers.read(latents.draw(generator, edited, 32)) for edited in steps]), rulers.names)


def movements(readings: Tensor, names: list[str]) -> list[Movement]:
    """readings [steps, people, K] in units of each attribute -> one Movement for each, furthest first."""
    mean = readings.mean(1)
    by = mean[-1] - mean[0]
    steady = (mean.diff(dim=0) * by.sign() > 0).all(0)
    people = (rank_correlation(readings) * by.sign() >= FOLLOWS).double().mean(0)
    moved = [Movement(*entry) for entry in zip(names, by.tolist(), people.tolist(), steady.tolist())]
    return sorted(moved, key=lambda movement: -abs(movement.by))


def row(index: int, moved: list[Movement]) -> str:
    sure = [movement for movement in moved if movement.sure]
    if not sure:
        return f"| {index} | nothing surely | | | | {', '.join(map(str, moved[:3]))} |"
    first = sure[0]
    others = [movement for movement in moved if movement is not first and abs(movement.by) >= abs(first.by) / 2]
    also, drifts = (", ".join(str(other) for other in others if other.sure is kind) for kind in (True, False))
    return f"| {index} | {first.name} | {first.by:+.1f} | {first.people:.0%} | {also} | {drifts} |"


def unrolled(readings: Tensor, names: list[str]) -> Tensor:
    """[steps, people, K]: angles go on beyond pi from step to step, by the shorter way."""
    import numpy as np

    angles, readings = [hue(name) for name in names], readings.clone()
    readings[..., angles] = readings.new_tensor(np.unwrap(readings[..., angles].numpy(), axis=0))
    return readings


def rank_correlation(readings: Tensor) -> Tensor:
    """Of each series along the first dimension with its place: [steps, ...] -> [...] (Spearman)."""
    import torch

    ranks = readings.argsort(0).argsort(0).double()
    places = torch.arange(len(readings)).double().view(-1, *[1] * (readings.ndim - 1))
    middle = (len(readings) - 1) / 2
    return ((ranks - middle) * (places - middle)).sum(0) / ((places - middle) ** 2).sum()


def hue(name: str) -> bool:
    return name.endswith("_hue")


if __name__ == "__main__":
    cli.run(main, parser())
