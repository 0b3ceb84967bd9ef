"""The page about a run, as HTML that loads nothing: what it is made of, and how each part is written."""

import argparse
import base64
import io
import json
import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from PIL.Image import Image

import checkpoint
import cli
import drawing
import utils
from animation import LONGEST
from editing import layer_swap, layers, people, sheets
from errors import InputError
from metrics.table import labels
from progress import Bar
from running import charts, folders
from scripts.truncation import PSIS

TEMPLATE = Path(__file__).with_suffix(".html")
WIDEST = 1400  # pixels of an embedded picture
QUALITY = 82  # of WebP
FPS, FRAMES, FRAME_WIDTH = 6, 24, 400  # of the animation
CHART_SIZE = (560, 280)
CHARTS = {  # what is drawn together; whatever else the statistics hold gets a chart of its own
    "losses": ("d", "g", "r1", "path", "structure"),
    "scores of the discriminator": ("real_score", "fake_score"),
    "adaptive augmentation": ("p", "r_t"),
    "seconds for a thousand images": ("sec_per_kimg",),
}
NOT_CURVES = {"iteration", "kimg", "epoch", "seconds", "gib", "skipped"}
ROWS, COLUMNS = 2, 4  # people of the mixing tables


def page(folder: Path, source: str | None = None, seeds: Sequence[int] | None = None, device: str = "auto") -> str:
    """source: the network that the run began with, None: what it says itself; seeds: people of the sheets, None: no sheets"""
    options = read_options(folder)
    lines = folders.read_statistics(folder / "stats.jsonl")
    newest, remarks = newest_checkpoint(folder)
    if seeds is not None and newest and not draws_people(newest):
        remarks.append(f"{newest.name}: holds no StyleGAN, so that no sheets of people are drawn")
        seeds = None
    if seeds is not None and source is None:
        source = began_with(options.get("ckpt"), newest, remarks)
    sections = {
        "First and last": first_and_last(folders.sample_files(folder)),
        "Progress": progress(folder),
        "Curves": curves(lines),
        **(drawn_sheets(newest, source, seeds, device) if newest and seeds is not None else {}),
        "Training pictures": reals(folder),
        **written(folder, options, lines, newest, remarks),
    }
    sections = {name: body for name, body in sections.items() if body}
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        title=escape(folder.resolve().name),
        links="".join(f'<a href="#{anchor(name)}">{name}</a>' for name in sections),
        header=tiles(lines, options),
        sections="\n".join(f'<section id="{anchor(n)}"><h2>{n}</h2>\n{body}</section>' for n, body in sections.items()),
    )


def live(folder: Path) -> str:
    """What there is to see of a run that goes on: the page without the sheets and all that does not change."""
    options, lines = read_options(folder), folders.read_statistics(folder / "stats.jsonl")
    newest, remarks = newest_checkpoint(folder) if (folder / "checkpoints").is_dir() else (None, [])
    samples = folders.sample_files(folder)
    sections = {
        "Newest samples": figure(picture, caption(samples[-1])) if samples and (picture := opened_picture(samples[-1])) else "",
        "First and last": first_and_last(samples) if len(samples) > 1 else "",
        "Curves": curves(lines),
        "Progress": progress(folder),
        **written(folder, options, lines, newest, remarks),
    }
    shown = [f"<section><h2>{name}</h2>{body}</section>" for name, body in sections.items() if body]
    return tiles(lines, options) + "".join(shown)


def written(folder: Path, options: dict, lines: list[dict], newest: Path | None, remarks: list[str]) -> dict[str, str]:
    """The sections of files, numbers and words, which close both."""
    return {
        "Checkpoints": checkpoints(folder, newest, remarks),
        "Measured": measured(folders.read_statistics(folder / "metrics.jsonl")),
        "Statistics": statistics(lines),
        "Options": settings(options),
        "Log": log(folder),
    }


def read_options(folder: Path) -> dict[str, object]:
    """options.json; {} where it is missing or damaged. Raises InputError for a folder that holds no run."""
    if not any((folder / part).exists() for part in ("options.json", "stats.jsonl", "checkpoints", "samples")):
        what = "no such folder" if not folder.exists() else "holds no run"
        raise InputError(f"{folder}: {what}; name the folder that train.py wrote, such as expr")
    try:
        options = json.loads((folder / "options.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return options if isinstance(options, dict) else {}


def newest_checkpoint(folder: Path) -> tuple[Path | None, list[str]]:
    """The newest whole one, and what is wrong with newer ones."""
    try:
        return checkpoint.newest_good(folder / "checkpoints")
    except InputError as error:
        return None, [str(error)]


def tiles(lines: list[dict], options: dict) -> str:
    """The run in a few numbers."""
    last = {name: value for name, value in (lines[-1] if lines else {}).items() if isinstance(value, (int, float))}
    wanted = f" of {options['iter']:,}" if isinstance(options.get("iter"), int) else ""
    kinds = {  # name: (what to call it, how to write it)
        "iteration": (f"iterations{wanted}", ","),
        "kimg": ("thousand images", ",.1f"),
        "epoch": ("epochs", ",.1f"),
        "sec_per_kimg": ("seconds for a thousand images", ".1f"),
        "p": ("augmentation p", ".2f"),
        "gib": ("GiB of memory", ".1f"),
        "skipped": ("steps skipped", ","),
    }
    shown = {label: format(last[name], kind) for name, (label, kind) in kinds.items() if name in last}
    parts = [f"<div><b>{value}</b><span>{name}</span></div>" for name, value in shown.items()]
    return f'<div class="tiles">{"".join(parts)}</div>' if parts else ""


def first_and_last(samples: Sequence[Path]) -> str:
    """The two sample sheets over each other, with a handle to draw."""
    opened = [(path, picture) for path in [*samples[:1], *samples[-1:]] if (picture := opened_picture(path))]
    if len(opened) < 2 or samples[0] == samples[-1]:
        return "".join(figure(picture, caption(path)) for path, picture in opened[:1])
    (first, before), (last, after) = opened
    if before.size != after.size:
        return figure(before, caption(first)) + figure(after, caption(last))
    pictures = image(before, caption(first)) + image(after, caption(last))
    handle = "<input type=range aria-label=compare oninput=\"this.parentNode.style.setProperty('--at', this.value + '%')\">"
    return (
        f'<div class="compare">{pictures}{handle}</div>'
        f'<p class="note">Left of the line {caption(first)}, right of it {caption(last)}: draw it with the mouse.</p>'
    )


def progress(folder: Path) -> str:
    frames = charts.progress_frames(folder)
    if len(frames) < 2:
        return ""
    count = min(len(frames), FRAMES)
    frames = [small(frames[round(i * (len(frames) - 1) / (count - 1))], FRAME_WIDTH) for i in range(count)]
    durations = [round(1000 / FPS)] * (count - 1) + [1500]
    moving = embedded(frames[0], quality=50, append_images=frames[1:], save_all=True, loop=0, duration=durations)
    return f'<img src="{moving}" width="{frames[0].width}" alt="the same people through the run">'


def curves(lines: list[dict]) -> str:
    numbers = {name for line in lines for name, value in line.items() if isinstance(value, (int, float))} - NOT_CURVES
    together = {name for names in CHARTS.values() for name in names}
    groups = CHARTS | {name.replace("_", " "): (name,) for name in sorted(numbers - together)}
    charted = []
    for title, names in groups.items():
        points = {name: [(line["kimg"], line[name]) for line in lines if name in line and "kimg" in line] for name in names}
        drawn = {name: charts.smooth(line) for name, line in points.items() if line}
        if drawn:
            chart = utils.line_chart(drawn, title, "thousand images", CHART_SIZE)
            charted.append(f"<figure>{image(chart, title, lossless=True)}</figure>")
    return f'<div class="charts">{"".join(charted)}</div>' if charted else ""


def began_with(path: object, newest: Path | None, remarks: list[str]) -> str | None:
    """The network that the run began with, if it is still there and still the same; else a remark is added."""
    if not isinstance(path, str) or newest is None:
        return None
    try:
        began = checkpoint.read(newest, lazy=True).extra.get("source")
        now = {checkpoint.fingerprint(state) for state in checkpoint.read(path, lazy=True).networks.values()}
    except InputError as error:
        remarks.append(str(error))
        return None
    if began is not None and began not in now:
        remarks.append(f"{path}: another network than the one that the run began with; --source names that one")
        return None
    return path


def draws_people(path: Path) -> bool:
    """Whether it holds a generator; runs of other commands hold an encoder, a translator, ..."""
    try:
        return bool({"g", "g_ema"} & checkpoint.read(path, lazy=True).networks.keys())
    except InputError:
        return False


def drawn_sheets(newest: Path, source: str | None, seeds: Sequence[int], device: str) -> dict[str, str]:
    """What scripts.truncation, .style_mixing and .layer_swap draw with the newest checkpoint, above the lines that draw it."""
    networks = drawing.generators(argparse.Namespace(ckpt=str(newest), source=source, device=device))
    *_, child = networks.values()
    names = list(map(str, seeds))
    few, rows, columns = map(",".join, (names[:3], names[:ROWS], names[ROWS : ROWS + COLUMNS] or names))
    who, mixed = people.by_seed(few), (people.by_seed(rows), people.by_seed(columns))
    pair = ["--ckpt", str(newest), *(["--source", source] if source else [])]
    mixing = [*pair, "--rows", rows, "--cols", columns, "--sheet_only"]
    with Bar(None, "pictures") as bar:
        brush = people.Brush(drawn=bar.update)
        nearer = sheets.truncation_sheet(networks, who, cli.series(PSIS), brush=brush)
        named = layers.named(child.n_latent).values()
        tables = [sheets.mixing_table(networks, *mixed, chosen, brush) for chosen in named]
        sections = {
            "Truncation": section([nearer], "truncation", [*pair, "--seeds", few]),
            "Style mixing": section(tables, "style_mixing", mixing),
        }
        if source:
            way = layer_swap.Way()
            stops = way.stops(None, child)
            ladder = sheets.layer_ladder(networks["source"], child, who, way, stops, brush)
            said = layer_swap.report(source, str(newest), networks["source"], child).splitlines()
            words = ["--source", source, "--target", str(newest), "--seeds", few]
            sections["Layer swap"] = section([sheets.swap_sheet({"": ladder}, who, way, stops)], "layer_swap", words, said)
    return sections


def section(pictures: Sequence[Image], command: str, words: Sequence[str], said: Sequence[str] = ()) -> str:
    """Sheets, what there is to say, and the line that draws them."""
    notes = "".join(f'<p class="note">{escape(line)}</p>' for line in said)
    line = escape(f"python -m scripts.{command} {shlex.join(words)}")
    shown = "".join(figure(picture, "") for picture in pictures)
    return f'{shown}{notes}<p class="note"><code>{line}</code></p>'


def reals(folder: Path) -> str:
    picture = opened_picture(folder / "reals.png")
    return figure(picture, "the first of them, as the discriminator gets to see them") if picture else ""


def checkpoints(folder: Path, newest: Path | None, remarks: list[str]) -> str:
    files = sorted((folder / "checkpoints").glob("*.pt"), key=lambda path: path.name, reverse=True)
    rows = [(path.name, f"{path.stat().st_size / 2**20:,.1f} MiB", "newest" if path == newest else "") for path in files]
    warnings = [f'<p class="warning">{escape(remark)}</p>' for remark in remarks]
    return "".join(warnings) + table(("file", "size", ""), rows)


def statistics(lines: list[dict]) -> str:
    names = {name: None for line in lines for name in line if name not in ("iteration", "kimg", "epoch", "seconds")}
    columns = {name: [line[name] for line in lines if isinstance(line.get(name), (int, float))] for name in names}
    shown = {name: (values[0], values[-1], min(values), max(values)) for name, values in columns.items() if values}
    rows = [(name, *(f"{value:.4g}" for value in values)) for name, values in shown.items()]
    return table(("", "first", "last", "lowest", "highest"), rows)


def measured(lines: list[dict]) -> str:
    """What scripts.evaluate found, a row for each time."""
    words = labels()
    columns = ["ckpt", "features", *(name for name in words if any(name in line for line in lines))]
    cell = lambda value: f"{value:.4g}" if isinstance(value, (int, float)) else str(value)
    rows = [[cell(line.get(name, "")) for name in columns] for line in lines]
    return table([words.get(name, name) for name in columns], rows)


def settings(options: dict) -> str:
    """What was asked for; flags that are off or left out are not listed."""
    rows = [(name, str(value)) for name, value in options.items() if value not in (None, False, "", -1)]
    return f'<div class="columns">{table((), rows)}</div>' if rows else ""


def log(folder: Path) -> str:
    path = folder / "log.txt"
    if not path.is_file():
        return ""
    return f"<details><summary>log.txt</summary><pre>{escape(path.read_text('utf-8', errors='replace'))}</pre></details>"


def opened_picture(path: Path) -> Image | None:
    """None where it is missing, or where a kill left half of it."""
    try:
        return utils.read_picture(path)
    except OSError:
        return None


def embedded(picture: Image, lossless: bool = False, **options: object) -> str:
    """A data: address of the picture as WebP, at most WIDEST wide and as high as WebP goes."""
    file = io.BytesIO()
    small(picture, WIDEST).save(file, "WEBP", **{"quality": QUALITY, "lossless": lossless, **options})
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def small(picture: Image, width: int) -> Image:
    """At most `width` pixels wide, and as high as WebP goes."""
    scale = min(width / picture.width, LONGEST["webp"] / picture.height)
    return picture.resize([max(1, round(side * scale)) for side in picture.size]) if scale < 1 else picture


def image(picture: Image, text: str, lossless: bool = False) -> str:
    return f'<img src="{embedded(picture, lossless)}" width="{min(picture.width, WIDEST)}" alt="{escape(text)}">'


def figure(picture: Image, text: str) -> str:
    return f"<figure>{image(picture, text)}<figcaption>{escape(text)}</figcaption></figure>"


def caption(sample: Path) -> str:
    return f"iteration {int(sample.stem):,}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """ "" without rows."""
    if not rows:
        return ""
    lines = [f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>"] if head else []
    lines += [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def anchor(name: str) -> str:
    return name.lower().replace(" ", "-")
