"""From photo to cartoon with a known answer: somebody rendered as photo, projected, and drawn by every method's network.

    python -m studies.methods       # trains the networks; may still be running
    python -m studies.round_trip

The attributes that a person was rendered with are known, and so is the cartoon that the renderer makes of them: this measures
projection and transfer together, against the truth and not against the source network.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cli
import progress
from errors import InputError
from studies.methods import METHODS, ROOT

if TYPE_CHECKING:
    from torch import Tensor

SEED = 9_000_000  # of the people; no training saw them
SHOWN = 6
CHUNK = 16  # people projected at a time; each comes out as alone


def parser() -> cli.Parser:
    count = cli.number(int, least=1)
    parser = cli.Parser(__doc__, "python -m studies.round_trip [flags]")
    add = parser.add_argument_group("round trip").add_argument
    add("--people", type=cli.number(int, least=SHOWN), default=64, metavar="N", help="to render and project (default: 64)")
    add("--step", type=count, default=300, metavar="N", help="of the projection (default: 300)")
    add("--source", type=Path, default=ROOT / "demo/source64.pt", metavar="FILE", help="default: demo/source64.pt")
    add("--regressor", type=Path, metavar="FILE", help="that reads the attributes (default: demo/regressor.pt)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto)")
    add = parser.add_argument_group("folders").add_argument
    study, report = ROOT / "demo/work/study", ROOT / "docs/study"
    add("--work", type=Path, default=study, metavar="DIR", help="of studies.methods (default: demo/work/study)")
    add("--out", type=Path, default=report, metavar="DIR", help="the report (default: docs/study)")
    return parser


def main(args: argparse.Namespace) -> Path:
    import checkpoint
    import utils
    from editing import latents
    from faces.rendered.synthetic import render, sample_attributes
    from metrics.attributes import regressor
    from metrics.attributes.ruler import believed, pearson
    from studies.methods_report import QUALITY

    device = cli.read("--device", args.device, utils.choose_device)
    runs = newest_checkpoints(args.work)
    reader, correlations = cli.read("--regressor", args.regressor or regressor.SHIPPED, regressor.read)
    source = cli.read("--source", args.source, checkpoint.read)
    network = source.generator().to(device)
    attributes = sample_attributes(args.people, SEED)
    photos, answers = (utils.as_stored(render(attributes, network.size, domain, SEED)) for domain in "AB")
    w_plus = network.broadcast(projected(args, source, network, photos))

    drawn = {"the photo itself": [photos], "projected": [latents.draw(network, w_plus).clamp(-1, 1)]}
    for name, paths in runs.items():
        cartoons = (checkpoint.read(path).generator().to(device) for path in paths)
        drawn[name] = [latents.draw(cartoon, w_plus, noise=network.stored_noise()).clamp(-1, 1) for cartoon in cartoons]
    drawn["the true cartoon"] = [answers]

    args.out.mkdir(parents=True, exist_ok=True)
    pictures = {name: utils.to_pictures(sets[0][:SHOWN]) for name, sets in drawn.items()}
    utils.paired_sheet(pictures, SHOWN).save(args.out / "round_trip.webp", quality=QUALITY)
    page = args.out / "round_trip.md"
    outputs = believed(correlations)
    columns = [regressor.OUTPUTS.index(name) for name in outputs]
    truth = regressor.outputs_of(attributes)[:, columns]
    agreements = {name: [pearson(reader(images)[:, columns], truth) for images in sets] for name, sets in drawn.items()}
    off = {name: [(images - answers).square().mean().sqrt().item() for images in sets] for name, sets in drawn.items()}
    page.write_text("\n\n".join(report(args, outputs, agreements, off)) + "\n")
    return page


def report(
    args: argparse.Namespace, outputs: list[str], agreements: dict[str, list[Tensor]], off: dict[str, list[float]]
) -> list[str]:
    """Paragraphs. agreements: for each picture and network [outputs]; off: a number."""
    import torch

    from benchmarks.tables import table
    from studies.methods_report import shown

    rows = [[name, len(off[name]), shown([a.mean().item() for a in agreements[name]]), shown(off[name])] for name in off]
    of_each = [torch.stack(values).mean(0).tolist() for values in agreements.values()]
    by_attribute = [[output, *(f"{value:.2f}" for value in values)] for output, *values in zip(outputs, *of_each)]
    return [
        "# From photo to cartoon, with the truth beside it",
        f"    {cli.command_line(args)}".rstrip(),
        f"{args.people} people whom no network has seen, rendered as photos, projected to w+ in {args.step} steps, and drawn "
        "by the networks of [the study](results.md). Agreement: mean correlation of the attributes read off the picture with "
        "those that the person was rendered with. Off: root mean square difference, in [-1, 1], to the cartoon that the "
        "renderer makes of the same person. Mean over the seeds, and standard deviation.",
        table(["picture", "networks", "agreement", "off"], rows),
        "![the same people](round_trip.webp)",
        "## Attributes",
        table(["attribute", *agreements], by_attribute),
    ]


def newest_checkpoints(work: Path) -> dict[str, list[Path]]:
    """{method: the last checkpoint of each of its seeds}, of the runs that are whole, in the order of the study."""
    import json

    settings = work / "settings.json"
    if not settings.is_file():
        raise InputError(f"--work {work}: holds no study; python -m studies.methods makes one")
    last = f"checkpoints/{json.loads(settings.read_text())['iter']:06d}.pt"
    runs = {name: sorted(work.glob(f"{name}-seed*/{last}")) for name in METHODS}
    if not any(runs.values()):
        raise InputError(f"--work {work}: no run is whole yet")
    return {name: paths for name, paths in runs.items() if paths}


def projected(args: argparse.Namespace, source, network, photos: Tensor) -> Tensor:
    """The latents, [people, n_latent, style_dim]: of an earlier call, or searched freely now."""
    import torch

    import checkpoint
    from editing import cartoon, latents, projection
    from vision import perceptual

    path, home = args.work / f"round_trip-{args.people}-{args.step}.pt", checkpoint.fingerprint(network.state_dict())
    if path.is_file() and (earlier := latents.read_latents(path)).ckpt == home:
        return earlier.latent.to(network.device)
    distance, _ = perceptual.choose("disc", source)
    device, schedule = network.device, replace(cartoon.SCHEDULE, steps=args.step)
    with progress.Bar(-(-len(photos) // CHUNK) * args.step, "steps", "projecting") as bar:
        options = {"batch": CHUNK, "fixed_noise": True, "stepped": lambda *_: bar.update()}
        parts = projection.find(network, distance.to(device), photos.to(device), cartoon.SPACE, schedule, **options)
        latent = torch.cat([part.latent for part in parts])
    latents.save_latents(path, latent, space="w+", names=[str(i) for i in range(len(latent))], ckpt=home)
    return latent


if __name__ == "__main__":
    cli.run(main, parser())
