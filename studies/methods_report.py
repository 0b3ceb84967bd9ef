"""The report of studies/methods.py: results.md, curves.png, people.webp, layer_swap.webp and measurements.jsonl."""

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import cli
import threads
import utils
from benchmarks import machine
from benchmarks.tables import table
from editing import latents
from editing.layer_swap import swap_features
from metrics.attributes.ruler import kept_at_style

STYLES = (0.3, 0.5, 0.6, 0.7, 0.8)  # at which the structure kept is compared
PEOPLE = range(6)
CHUNK = 25  # pictures drawn at a time
CHART = (1280, 400)
COLUMNS = {  # of a measurement, as the table of the end calls them
    "style": "ST",
    "kept": "SK",
    "agreement": "AA",
    "distance": "FD to B",
    "spread": "spread",
    "nearest": "nearest",
    "style_last": "ST of the last maps",
}
QUALITY = 90  # of sheets as WebP: a tenth of a PNG


def write(study, methods: Sequence[str], seeds: Sequence[int], args: argparse.Namespace) -> Path:
    """Write all pages and pictures from the measurements so far. Returns results.md."""
    out = args.out
    out.mkdir(parents=True, exist_ok=True)
    curves = all_curves(study, methods, seeds)
    utils.save_png(chart(study, curves), out / "curves.png")
    networks = {name: study.generator(name, seeds[0]) for name in curves}
    networks = {name: network for name, network in networks.items() if network is not None}
    swaps = {name: swapped(study, network) for name, network in networks.items()}
    people_sheet(study, networks).save(out / "people.webp", quality=QUALITY)
    if networks:
        swap_sheet(study, networks).save(out / "layer_swap.webp", quality=QUALITY)
    lines = [json.dumps(entry) for key, entry in sorted(study.measurements.items()) if key[0] in methods]
    (out / "measurements.jsonl").write_text("".join(f"{line}\n" for line in lines))
    path = out / "results.md"
    parts = [*heading(study, args), *twins(study, seeds[0]), *tables(study, curves, swaps), *pictures(networks)]
    path.write_text("\n\n".join(parts) + "\n")
    return path


def all_curves(study, methods: Sequence[str], seeds: Sequence[int]) -> dict[str, dict[int, list[dict]]]:
    """{method: {seed: measurements by iteration, the untouched source first}}, of the runs that are whole."""
    untouched = study.ruler.measure(study.untouched, study.untouched, study.training)
    start = {"iteration": 0, **vars(untouched)}
    steps = range(study.args.every, study.args.iter + 1, study.args.every)
    curves = {}
    for name in methods:
        runs = {seed: [study.measurements.get((name, seed, step)) for step in steps] for seed in seeds}
        whole = {seed: [start, *run] for seed, run in runs.items() if all(run)}
        if whole:
            curves[name] = whole
    return curves


def heading(study, args: argparse.Namespace) -> list[str]:
    between = ", ".join(f"FD({pair}) {value:.4g}" for pair, value in study.ruler.between.items())
    return [
        "# Does the person survive the transfer?",
        f"    {cli.command_line(args)}".rstrip(),
        f"{machine.told(study.device.type, threads.used())}. "
        f"{args.iter} iterations with `{args.training}` on {args.faces} rendered cartoons of {study.source.size} px; "
        f"{study.ruler.count} people measured.",
        "ST: style reached, 0 is the source and 1 fresh cartoons. SK: structure kept, 0 is somebody else and 1 the renderer's "
        "own pairs. A method is better when its curve lies up and to the right; one of the two numbers alone says nothing.",
        f"Ruler: AA* {study.ruler.ceiling:.3f}, {between}; attributes that count: {', '.join(study.ruler.outputs)}.",
    ]


def tables(study, curves: dict, swaps: dict) -> list[str]:
    if not curves:
        return ["No run is whole yet."]
    return [*end_of_training(curves), *at_equal_style(curves), *by_attribute(study, curves), *swaps_on_top(swaps)]


def end_of_training(curves: dict) -> list[str]:
    ends = {name: [run[-1] for run in runs.values()] for name, runs in curves.items()}
    rows = [[name, len(end), *(shown([last[key] for last in end]) for key in COLUMNS)] for name, end in ends.items()]
    said = "## At the end of the training\n\nMean over the seeds, and standard deviation."
    return [said, table(["method", "seeds", *COLUMNS.values()], rows)]


def at_equal_style(curves: dict) -> list[str]:
    """Each curve at some styles, and how far it is from the baseline's there."""
    kept = {name: {seed: kept_along(run) for seed, run in runs.items()} for name, runs in curves.items()}
    head = ["method", *(f"ST {style}" for style in STYLES)]
    rows = [[name, *(shown([runs[seed][style] for seed in runs]) for style in STYLES)] for name, runs in kept.items()]
    said = "## Structure kept at equal style\n\nSK where each curve first reaches ST; a dash where a seed never does."
    parts = [said, table(head, rows)]
    if (baseline := kept.pop("baseline", None)) is None:
        return parts
    less = lambda runs, style: [runs[seed][style] - baseline[seed][style] for seed in runs if seed in baseline]
    rows = [[name, *(shown(less(runs, style), "+.3f") for style in STYLES)] for name, runs in kept.items()]
    return [*parts, "Minus the baseline of the same seed:", table(head, rows)]


def by_attribute(study, curves: dict) -> list[str]:
    ends = [[run[-1]["attributes"] for run in runs.values()] for runs in curves.values()]
    rows = [[name, *(f"{statistics.mean(last[name] for last in end):.2f}" for end in ends)] for name in study.ruler.outputs]
    said = "## Attributes\n\nCorrelation between source and target at the end, mean over the seeds."
    return [said, table(["attribute", *curves], rows)]


def swaps_on_top(swaps: dict) -> list[str]:
    if not swaps:
        return []
    resolutions = next(iter(swaps.values()))
    rows = [[name, *(f"{result.style:.2f} / {result.kept:.2f}" for result in row.values())] for name, row in swaps.items()]
    said = "## Layer swap on top\n\nThe target with the source's feature map at one resolution, first seed: ST / SK."
    return [said, table(["method", *(f"{resolution} px" for resolution in resolutions)], rows)]


def twins(study, seed: int) -> list[str]:
    """The sentence on FreezeSG as published, which is drawn once."""
    if not study.twins_are_equal(seed):
        return []
    return [
        f"FreezeSG as published (`--freezeG 3 --freezeStyle 3`) is FreezeG: the networks are equal, bit by bit, after "
        f"{study.args.every} iterations, since the mapping network is frozen in both. The curve of FreezeG stands for both."
    ]


def pictures(networks: dict) -> list[str]:
    """The markdown that shows them."""
    parts = ["## Pictures", "![curves](curves.png)", "The same people by every method:", "![people](people.webp)"]
    return parts + (["Layer swap of one person:", "![layer swap](layer_swap.webp)"] if networks else [])


def kept_along(run: list[dict]) -> dict[float, float]:
    """SK at each of STYLES."""
    curve = [(entry["style"], entry["kept"]) for entry in run]
    return {style: kept_at_style(curve, style) for style in STYLES}


def shown(values: Sequence[float], form: str = ".3f") -> str:
    """Mean and standard deviation; a dash when one of them is missing."""
    if not values or any(math.isnan(value) for value in values):
        return "-"
    mean = format(statistics.mean(values), form)
    return f"{mean} ± {format(statistics.stdev(values), form.removeprefix('+'))}" if len(values) > 1 else mean


def chart(study, curves: dict) -> Image.Image:
    """SK over ST, and both over the iterations; means over the seeds."""

    def means(runs: dict, key: str) -> list[float]:
        return [statistics.mean(entry[key] for entry in step) for step in zip(*runs.values())]

    plane = {name: (means(runs, "style"), means(runs, "kept")) for name, runs in curves.items()}
    charts = [utils.line_chart(plane, "structure kept (SK) over style reached (ST)", "ST", CHART)]
    for key, title in (("style", "style reached (ST)"), ("kept", "structure kept (SK)")):
        lines = {name: (means(runs, "iteration"), means(runs, key)) for name, runs in curves.items()}
        charts.append(utils.line_chart(lines, title, "iterations", CHART))
    return Image.fromarray(np.concatenate([np.asarray(chart) for chart in charts]))


def people_sheet(study, networks: dict) -> Image.Image:
    """The same six people, one row for the source and each method."""
    rows = {"source": study.source} | networks
    noise = study.source.stored_noise()
    drawn = {name: latents.draw(network, latents.people(network, PEOPLE), noise=noise) for name, network in rows.items()}
    return utils.paired_sheet({name: utils.to_pictures(images) for name, images in drawn.items()}, len(PEOPLE))


@torch.no_grad()
def swapped(study, network) -> dict[int, object]:
    """{resolution: measurement of the target with the source's feature map there}."""
    w_plus, ruler = latents.people(network, range(study.ruler.count)), study.ruler
    readings = {resolution: ruler.read(_swap(study, network, w_plus, resolution)) for resolution in network.resolutions}
    return {resolution: ruler.measure(study.untouched, reading, study.training) for resolution, reading in readings.items()}


@torch.no_grad()
def swap_sheet(study, networks: dict) -> Image.Image:
    """One person: the source, the target, and the target with the source's feature map at each resolution."""
    images, noise = [], study.source.stored_noise()
    for network in networks.values():
        ends = [latents.draw(side, latents.people(side, PEOPLE[:1]), noise=noise) for side in (study.source, network)]
        w_plus = latents.people(network, PEOPLE[:1])
        images += [*ends, *(_swap(study, network, w_plus, resolution) for resolution in network.resolutions)]
    columns = ["source", "target", *(f"{resolution} px" for resolution in study.source.resolutions)]
    captions = [""] * (len(images) - len(columns)) + columns
    return utils.sheet(utils.to_pictures(torch.cat(images)), len(columns), captions, list(networks))


def _swap(study, network, w_plus: Tensor, resolution: int) -> Tensor:
    noise = study.source.stored_noise()
    return torch.cat([swap_features(study.source, network, part, resolution, noise) for part in w_plus.split(CHUNK)]).cpu()
