"""Pictures of people in one network or in several, as one picture: what the drawing commands save, and whoever else shows.

    networks = {"source": photo, "cartoon": cartoon}                # {name of the row: generator}, of one size
    sheet = truncation_sheet(networks, people.by_seed("0-3"), psis=[-1, 0, 0.5, 1])

Each function returns a Pillow picture, and raises InputError before it draws one that no memory holds. Common to all:

    brush: see `people.Brush`
    alone: called as alone("seed0007", picture, seed="7") with each picture of the last network that may stand alone, a name
           for its file and what it shows
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import torch
from PIL import Image
from torch import Tensor

import utils
from drawer import Drawer
from editing import layer_swap, people, style_mixing, truncation
from editing.layer_swap import Way
from editing.layers import as_text
from editing.people import BRUSH, Brush, People, nobody
from model import Generator

COLUMNS = 8  # people in a row

Networks = Mapping[str, Drawer]
Alone = Callable[..., object]
Row = Sequence[Image.Image]


def people_sheet(
    networks: Networks,
    who: People,
    columns: int = COLUMNS,
    shown: int | None = None,
    brush: Brush = BRUSH,
    alone: Alone | None = None,
) -> Image.Image | None:
    """Each person in every network, row below row; of `shown`, the first so many. `alone` gets all; None for nobody."""
    shown = len(who) if shown is None else shown
    check_people_sheet(networks, shown, columns)
    rows = {name: [] for name in networks}
    kind, file_names = "latent" if who.seeds is None else "seed", who.file_names()
    for name, generator in networks.items():
        every = alone is not None and name == [*networks][-1]
        everybody = people.everybody(generator, who, replace(brush, drawn=nobody))  # batches may reach beyond the sheet
        for index, picture in enumerate(islice(everybody, len(who) if every else shown)):
            if every:
                alone(file_names[index], picture, **{kind: who.names[index]})
            if index < shown:
                rows[name].append(picture)
            brush.drawn(1)
    return utils.paired_sheet(rows, columns, captions=who.captions[:shown]) if shown else None


def check_people_sheet(networks: Networks, count: int, columns: int = COLUMNS) -> None:
    """Raises InputError for more people than a sheet can hold."""
    side = _side(networks)
    if count:
        utils.check_sheet(utils.paired_sheet_size((side, side), [*networks], count, columns), "take fewer people on it")


def truncation_sheet(
    networks: Networks, who: People, psis: Sequence[float], cutoff: int | None = None, brush: Brush = BRUSH
) -> Image.Image:
    """A row for each person and network, a column for each psi. cutoff: only layers below it are pulled"""
    check(networks, len(psis), len(who), "take fewer people, or fewer psi")
    rows = {}
    for name, generator in networks.items():
        ladders = truncation.ladder(who.w_plus(generator), generator.w_avg, psis, cutoff)
        rows[name] = [
            [*people.pictures(generator, ladder, brush, who.noise(generator, person))] for person, ladder in enumerate(ladders)
        ]
    title = "" if cutoff is None else f"on layers below {cutoff}"
    return stacked(person_by_person(rows, who.captions), [f"psi {psi:g}" for psi in psis], title)


def mixing_table(
    networks: Networks, rows: People, columns: People, layers: Sequence[int], brush: Brush = BRUSH, alone: Alone = nobody
) -> Image.Image:
    """Each person of `rows` with these layers of each of `columns`, who stand before and above; the networks row by row."""
    check(networks, len(columns) + 1, len(rows) + 1, "take fewer people, in rows or in columns")
    tables = {name: _table(network, rows, columns, layers, brush) for name, network in networks.items()}
    for row, line in zip(rows.file_names(), [*tables.values()][-1][1:]):
        for column, picture in zip(columns.file_names(), line[1:]):
            alone(f"{row}-{column}", picture, row=row, column=column)
    lines = person_by_person(tables, ["", *rows.captions])
    captions = [""] * (len(tables) - 1) * (len(columns) + 1) + ["", *columns.captions]
    title = f"layers {as_text(layers)} of the person above, the others of the person on the left"
    return of_rows(lines, captions, title)


def _table(generator: Drawer, rows: People, columns: People, layers: Sequence[int], brush: Brush) -> list[Row]:
    """The people of the columns above, those of the rows before, the mixed ones between; white in the corner."""
    first, second = (who.w_plus(generator, brush.psi) for who in (rows, columns))
    mixed = style_mixing.grid(first, second, layers)
    head, before, *body = ([*people.pictures(generator, row, brush)] for row in (second, first, *mixed))
    corner = Image.new("RGB", head[0].size, utils.PAPER)
    return [[corner, *head], *([person, *line] for person, line in zip(before, body))]


def single_layers(
    networks: Networks, rows: People, columns: People, layers: Sequence[int], brush: Brush = BRUSH
) -> Image.Image:
    """A row for each pair and network: one of `rows`, then with one layer of one of `columns` in each column, then that one."""
    pairs = [f"{first} + {second}" for first in rows.captions for second in columns.captions]
    check(networks, len(layers) + 2, len(pairs), "take fewer people, in rows or in columns")
    lines = {}
    for name, generator in networks.items():
        first, second = (who.w_plus(generator, brush.psi) for who in (rows, columns))
        first, second = first.repeat_interleave(len(second), 0), second.repeat(len(first), 1, 1)
        steps = style_mixing.one_by_one(first, second, layers)
        shown = torch.cat([first[:, None], steps, second[:, None]], dim=1)
        lines[name] = [[*people.pictures(generator, line, brush)] for line in shown]
    captions = ["first", *[f"layer {layer}" for layer in layers], "second"]
    return stacked(person_by_person(lines, pairs), captions, "one layer of the second person in the first")


def layer_ladder(
    source: Generator, target: Generator, who: People, way: Way, stops: Sequence[float | str], brush: Brush = BRUSH
) -> list[Row]:
    """For each person a picture at each stop on the way between two networks; `swap_sheet` makes one picture of it."""
    check_swap_sheet(source, who, stops)
    low, high = way.ends(source, target)
    columns = []
    for stop in stops:
        if way.kind == "features" and not isinstance(stop, str):
            column = _swapped(low, high, who.w_plus(low, brush.psi), way, stop, brush)
        else:
            network = way.network(low, high, stop)
            column = people.pictures(network, who.w_plus(network, brush.psi), brush)
        columns.append([*column])
    return list(zip(*columns))


def swap_sheet(ladders: Mapping[str, list[Row]], who: People, way: Way, stops: Sequence[float | str]) -> Image.Image:
    """{name of the target: its `layer_ladder`} -> a row for each target and person, a column for each stop."""
    rows = []
    for target, ladder in ladders.items():
        names = [f"{target}, {person}" if target else person for person in who.captions]
        rows += zip([target] if target and len(who) == 1 else names, ladder)
    return stacked(rows, [way.caption(stop) for stop in stops])


def check_swap_sheet(source: Generator, who: People, stops: Sequence[float | str], targets: int = 1) -> None:
    """Raises InputError for a `swap_sheet` that no memory holds."""
    check({"": source}, len(stops), targets * len(who), "take fewer people, targets or columns")


def _swapped(low: Generator, high: Generator, w_plus: Tensor, way: Way, resolution: int, brush: Brush) -> Iterator[Image.Image]:
    for part in w_plus.split(brush.batch):
        yield from utils.to_pictures(layer_swap.swap_features(low, high, part, resolution, rgb=way.rgb))
        brush.drawn(len(part))


def check(networks: Networks, across: int, down: int, remedy: str) -> None:
    """Raises InputError for a sheet of `across` pictures in each of `down` rows of each network that no memory holds."""
    side = _side(networks)
    utils.check_sheet(utils.Layout((side, side), across * down * len(networks), across).size, remedy)


def person_by_person(rows: Mapping[str, Sequence[Row]], names: Sequence[str]) -> list[tuple[str, Row]]:
    """{network: a row of pictures for each person} -> name and row, of the first person in each network, of the second, ..."""
    return [(f"{person} {name}".strip(), rows[name][i]) for i, person in enumerate(names) for name in rows]


def stacked(rows: Sequence[tuple[str, Row]], captions: Sequence[str], title: str = "") -> Image.Image:
    """A sheet of rows with their names, captions below the last one."""
    return of_rows(rows, [""] * (len(rows) - 1) * len(captions) + [*captions], title)


def of_rows(rows: Iterable[tuple[str, Row]], captions: Sequence[str], title: str) -> Image.Image:
    """A sheet of rows with their names; a caption for each picture."""
    names, lines = zip(*rows)
    return utils.sheet([picture for line in lines for picture in line], len(lines[0]), captions, names, title)


def _side(networks: Networks) -> int:
    return next(iter(networks.values())).size
