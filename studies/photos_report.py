"""The page of studies/photos.py: photos.md, the sheet photos.webp, photos.jsonl with every measurement."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

import cli
import threads
from benchmarks import machine
from benchmarks.tables import table
from editing import people, sheets
from metrics import same_person
from metrics.features import drawn
from studies import photos
from studies.methods_report import QUALITY, shown

NAMES = dict.fromkeys((*same_person.COLOURS, same_person.FOUND, *same_person.POSE), ".2f")
SCORES = {"kid": ".4f", "spread": ".2f", "nearness": ".2f"}
PICTURES = "## Pictures", "The same people by every method, each with its own mapping network:", "![people](photos.webp)"


def write(study, methods: Sequence[str]) -> Path:
    """Everything from the measurements so far. Returns photos.md."""
    out = study.args.out
    out.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(entry) for name in methods for entry in study.entries(name)]
    (out / "photos.jsonl").write_text("".join(f"{line}\n" for line in lines))
    sheet(study, methods).save(out / "photos.webp", quality=QUALITY)
    page = out / "photos.md"
    page.write_text("\n\n".join([*heading(study), *tables(study, methods), *PICTURES]) + "\n")
    return page


def heading(study) -> list[str]:
    args = study.args
    methods = "; ".join(f"{name}: `{words}`" if words else f"{name}: none" for name, words in photos.METHODS.items())
    return [
        "# Does a real face survive the transfer?",
        f"    {cli.command_line(args)}",
        f"{machine.told(study.device.type, threads.used())}. {args.iter} iterations with `{args.training}` on "
        f"{len(study.images)} cartoons ({study.cartoons}) of {study.source.size} px; {args.people} people at psi {photos.PSI}, "
        f"who are the same for all. Flags of the methods beside these: {methods}.",
        "Rank correlation (Spearman) between a person, drawn by the source, and its cartoon, over the people; mean over the "
        "seeds, and standard deviation. Skin is forehead and cheeks, hair the top of the head; yaw, roll and smile (the width "
        "of the mouth) come from five points that a network for photos finds, in the share of the cartoons where it does.",
        "Chance: the same people, shuffled, mean and deviation of one trial; where fewer faces are found it is wider. The most "
        "there is: the source itself, with other noise. How one measure is kept says nothing of the person as a whole: "
        "lightness of skin and hair go together, and a method that changes little keeps all.",
    ]


def tables(study, methods: Sequence[str]) -> list[str]:
    if not methods:
        return ["No run is whole yet."]
    entries = {name: study.entries(name) for name in methods}
    chance = same_person.shuffled(study.untouched, study.untouched)
    most = same_person.agreement(study.untouched, again(study))
    bounds = [["*chance*", *(f"{mean:.2f} ± {spread:.2f}" for mean, spread in map(chance.get, NAMES))]]
    bounds += [["*most*", *(f"{most[name]:.2f}" for name in NAMES)]]
    nearness = [[name, len(found), *row(found, SCORES)] for name, found in entries.items()]
    nearness.append(["*source*", "", *row([study.score(study.source)], SCORES)])
    parts = [f"## Nearness to the cartoons\n\n{study.args.n} pictures; features of the source's discriminator."]
    parts += [table(["method", "seeds", "KID", *list(SCORES)[1:]], nearness)]
    for road, mapping in photos.ROADS.items():
        rows = [[name, *row([entry[road] for entry in found], NAMES)] for name, found in entries.items()]
        parts += [f"## Latents of {mapping}", table(["method", *NAMES], rows + bounds)]
    return parts


def row(entries: Sequence[dict], forms: dict[str, str]) -> list[str]:
    return [shown([entry[name] for entry in entries], form) for name, form in forms.items()]


def again(study) -> same_person.Reading:
    """The source's people once more, with other noise: the most that a cartoon could agree."""
    random = [torch.Generator().manual_seed(seed) for seed in range(study.args.people)]
    noise = [drawn(random, layer.shape[1:], study.device) for layer in study.source.stored_noise()]
    return study.read(study.source, study.w_plus, noise)


def sheet(study, methods: Sequence[str]) -> Image.Image:
    """The same six people, drawn by the source and by every method's first seed."""
    networks = {name: study.generator(name, study.entries(name)[0]["seed"]) for name in methods}
    who, brush = people.by_seed(photos.PEOPLE), people.Brush(psi=photos.PSI)
    return sheets.people_sheet({"source": study.source} | networks, who, brush=brush)
