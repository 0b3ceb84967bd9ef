"""Does a translator of rendered photos keep the person? Its cartoons of people that it never saw, read by the regressor.

    python -m studies.translation plain=t.pt
    python -m studies.translation "with groups=with.pt" "without=without.pt" --out elsewhere

translation.md tells how each attribute of the photo agrees with that of the cartoon, beside chance (the same cartoons,
shuffled) and the most there is (the renderer's cartoons of the same people); how near the cartoons are to rendered ones; and
how many people keep their glasses: each person is rendered twice, without and with. translation.webp shows some of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import flags
from benchmarks.commands import ROOT
from errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from metrics.attributes.regressor import Reading
    from metrics.attributes.ruler import Measurement, Ruler
    from translation.networks import Generator

SEED = 7_500_000  # of the people: neither training nor the ruler's own
PARTS = {
    "pose": ("yaw", "pitch", "roll"),
    "hair": ("hair_len", "hair_vol", "fringe", "curl", "hair_dark", "hair_warm"),
    "face": ("face_w", "jaw", "skin", "beard", "bald"),
    "expression": ("eye_open", "gaze_x", "gaze_y", "smile", "mouth_open"),
}
SHOWN, QUALITY = 8, 85
PHOTO, MOST = "the photo itself", "the renderer's cartoon"


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m studies.translation [flags] [NAME=]FILE...")
    group = parser.add_argument_group("study")
    add = group.add_argument
    add("translators", nargs="+", metavar="[NAME=]FILE", help="of scripts.train_ugatit, trained on rendered faces")
    add("--people", type=cli.number(int, least=8), default=400, metavar="N", help="that are compared (default: 400)")
    add("--regressor", type=Path, metavar="FILE", help="that reads attributes (default: the shipped one)")
    flags.add_device(group)
    add = parser.add_argument_group("output").add_argument
    add("--out", type=Path, default=ROOT / "docs/study", metavar="DIR", help="of the page and its sheet (default: docs/study)")
    return parser


def main(args: argparse.Namespace) -> Path:
    import utils
    from faces.rendered.synthetic import sample_attributes
    from metrics.attributes import regressor
    from metrics.attributes.ruler import Ruler

    translators = opened(args)
    ruler = Ruler(*cli.read("--regressor", args.regressor or regressor.SHIPPED, regressor.read), count=args.people)
    photos, cartoons = (rendered([sample_attributes(args.people, SEED)], domain)[0] for domain in "AB")
    drawn = {name: translated(network, photos) for name, network in translators.items()}
    tried = {domain: rendered(worn_and_bare(args.people), domain) for domain in "AB"}
    glasses = {PHOTO: worn(ruler, tried["A"])}
    glasses |= {name: worn(ruler, [translated(net, side) for side in tried["A"]]) for name, net in translators.items()}
    glasses |= {MOST: worn(ruler, tried["B"])}

    args.out.mkdir(parents=True, exist_ok=True)
    halves = [side[: SHOWN // 2] for side in tried["A"]]
    rows = {PHOTO: halves}
    rows |= {name: [translated(network, side) for side in halves] for name, network in translators.items()}
    rows |= {MOST: [side[: SHOWN // 2] for side in tried["B"]]}
    side = (regressor.SIZE, regressor.SIZE)
    pictures = {name: [one.resize(side) for half in both for one in utils.to_pictures(half)] for name, both in rows.items()}
    utils.paired_sheet(pictures, SHOWN).save(args.out / "translation.webp", quality=QUALITY)
    page = args.out / "translation.md"
    page.write_text("\n\n".join(report(args, ruler, photos, drawn, cartoons, glasses)) + "\n")
    return page


def opened(args: argparse.Namespace) -> dict[str, Generator]:
    """{name: its A2B}. Raises InputError for a file that is none."""
    import utils
    from translation import files

    device, found = cli.read("--device", args.device, utils.choose_device), {}
    for word in args.translators:
        name, equals, path = word.partition("=") if not Path(word).exists() else (Path(word).stem, "=", word)
        if not equals:
            raise InputError(f"{word}: no such file")
        found[name] = files.read(Path(path)).generator("A2B").to(device)
    return found


def worn_and_bare(count: int) -> list[dict[str, Tensor]]:
    """The attributes of people with glasses, and of the same people without."""
    from faces.rendered.synthetic import sample_attributes

    people = sample_attributes(count, SEED)
    return [people | {"glasses": 0 * people["glasses"] + worn} for worn in (1, 0)]


def rendered(people: list[dict[str, Tensor]], domain: str) -> list[Tensor]:
    """Of each set of attributes its pictures, [n, 3, size, size], as files of 8 bits hold them."""
    import utils
    from faces.rendered.synthetic import render
    from metrics.attributes.regressor import SIZE

    return [utils.as_stored(render(attributes, SIZE, domain, SEED)) for attributes in people]


def translated(network: Generator, photos: Tensor) -> Tensor:
    """[n, 3, size, size] -> the same as cartoons of the side that the network was trained at, as files of 8 bits hold them."""
    import torch
    from torch.nn import functional as F

    import utils

    if network.size not in (None, photos.shape[-1]):
        photos = F.interpolate(photos, (network.size, network.size), mode="bilinear", antialias=True)
    with torch.no_grad():
        return torch.cat([utils.as_stored(network(some.to(network.device))[0]).cpu() for some in photos.split(50)])


def worn(ruler: Ruler, sides: list[Tensor]) -> list[list[float]]:
    """How much like glasses each picture looks: of people with glasses, and of the same people without."""
    from metrics.attributes.regressor import OUTPUTS

    return [ruler.read(side).values[:, OUTPUTS.index("glasses")].tolist() for side in sides]


def report(
    args: argparse.Namespace,
    ruler: Ruler,
    photos: Tensor,
    drawn: Mapping[str, Tensor],
    cartoons: Tensor,
    glasses: Mapping[str, list[list[float]]],
) -> list[str]:
    """Paragraphs."""
    from benchmarks.tables import table
    from studies import glasses as kept

    source = ruler.read(photos)
    found = {name: ruler.measure(source, ruler.read(images)) for name, images in (*drawn.items(), (MOST, cartoons))}
    chance = by_chance(ruler, source, ruler.read(next(iter(drawn.values()))))
    rows = [[part, *(f"{mean_of(one, names):.2f}" for one in found.values()), chance] for part, names in parts(ruler)]
    near = [[name, f"{one.style:.2f}", f"{one.spread:.2f}"] for name, one in found.items()]
    shares = [[name, *kept.row(*both)] for name, both in glasses.items()]
    return [
        "# Does a translation keep the person?",
        f"    {cli.command_line(args)}".rstrip(),
        f"{args.people} people whom no network has seen, rendered as photos and translated. Agreement: correlation over the "
        "people between an attribute read off the photo and off the cartoon, by the regressor of [the study](results.md). "
        f"Chance: the same with the cartoons of {next(iter(drawn))} shuffled, mean and deviation of one attribute.",
        table(["attributes", *found, "chance"], rows),
        "Style is 0 for photos as they are and 1 for what cannot be told from rendered cartoons; spread is that of the "
        "attributes, beside rendered cartoons: well below 1 the cartoons are too much alike.",
        table(["", "style", "spread"], near),
        "## Glasses",
        "Each person rendered twice, with glasses and without, and how many of the cartoons are read as wearing some. "
        f"{kept.WORDS}",
        table(["", *kept.HEAD], shares),
        "![the same people](translation.webp)",
    ]


def parts(ruler: Ruler) -> list[tuple[str, list[str]]]:
    """(words, attributes): what the ruler believes of each part, and all that counts."""
    of_part = {part: [name for name in names if name in ruler.outputs] for part, names in PARTS.items()}
    named = [(f"{part}: {', '.join(names)}", names) for part, names in of_part.items() if names]
    return [*named, ("all that count", ruler.outputs)]


def mean_of(measured: Measurement, names: list[str]) -> float:
    return sum(measured.attributes[name] for name in names) / len(names)


def by_chance(ruler: Ruler, source: Reading, target: Reading) -> str:
    """Mean and deviation, over attributes and shuffles, of the correlation with other people's cartoons."""
    import torch

    others = [target._replace(values=target.values[order]) for order in ruler.shuffles]
    values = torch.stack([ruler.agreements(source, other) for other in others])
    return f"{values.mean():.2f} ± {values.std():.2f}"


if __name__ == "__main__":
    cli.run(main, parser())
