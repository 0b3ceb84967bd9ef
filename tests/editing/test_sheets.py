"""Sheets of people: their size is looked at before anything is drawn, and progress counts every picture."""

import pytest
from PIL import Image

import canvas
import utils
from editing import films, latents, layer_swap, people, sheets, sweeps
from editing.directions import Edit
from editing.sefa import sefa
from errors import InputError
from tests.networks import tiny_generator

WAY = layer_swap.Way()


@pytest.fixture(scope="module")
def networks():
    return {"source": tiny_generator(0), "cartoon": tiny_generator(1)}


def ladder(networks, who, **more):
    source, cartoon = networks.values()
    stops = WAY.stops(None, source)
    return sheets.swap_sheet({"": sheets.layer_ladder(source, cartoon, who, WAY, stops, **more)}, who, WAY, stops)


def edits(networks, who, brush=people.BRUSH):
    sheets.check(networks, len(who), 3, "take fewer people, or fewer steps")
    scenes = {name: sweeps.Scene(generator, who, drawn=lambda: brush.drawn(len(who))) for name, generator in networks.items()}
    return sweeps.sheet_of_people(scenes, sefa(networks["source"]), Edit(0), 3)


def walk(networks, who, brush=people.BRUSH):
    paths = films.walks(networks, who, frames=1)
    brush.drawn(2 * len(who))
    return films.keyframes(networks, paths, 1, who)


SHEETS = {  # name: (what draws it, how many pictures it is of, for two networks and so many people)
    "people": (sheets.people_sheet, lambda n: 2 * n),
    "truncation": (lambda *both, **more: sheets.truncation_sheet(*both, psis=[0, 0.5, 1], **more), lambda n: 6 * n),
    "mixing": (lambda nets, who, **more: sheets.mixing_table(nets, who, who, [0], **more), lambda n: 2 * (n * n + 2 * n)),
    "single": (lambda nets, who, **more: sheets.single_layers(nets, who, who, [0, 1], **more), lambda n: 2 * n * n * 4),
    "swap": (ladder, lambda n: 4 * n),
    "edits": (edits, lambda n: 6 * n),
    "walk": (walk, lambda n: 2 * n),
}


@pytest.mark.parametrize("name", SHEETS)
def test_every_picture_is_counted_and_the_sheet_is_one(networks, name):
    draw, expected = SHEETS[name]
    counts = []
    assert isinstance(draw(networks, people.by_seed("0-2"), brush=people.Brush(drawn=counts.append)), Image.Image)
    assert sum(counts) == expected(3)


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_that_no_memory_holds_is_refused_before_drawing(networks, name, monkeypatch):
    monkeypatch.setattr(canvas, "LARGEST_SHEET", 100_000)
    monkeypatch.setattr(latents, "drawn", None)
    with pytest.raises(InputError, match=r"^a sheet of \d+ x \d+ px would take .* GiB of memory; take fewer people"):
        SHEETS[name][0](networks, people.by_seed("0-20"))


def test_pictures_that_may_stand_alone_are_told_with_their_names(networks):
    alone = []
    keep = lambda name, picture, **what: alone.append((name, picture.size, what))
    assert sheets.people_sheet(networks, people.by_seed("7,3"), shown=0, alone=keep) is None
    assert alone == [("seed0007", (16, 16), {"seed": "7"}), ("seed0003", (16, 16), {"seed": "3"})]
    alone.clear()
    sheets.mixing_table(networks, people.by_seed("1"), people.by_seed("2,4"), [0], alone=keep)
    assert [name for name, *_ in alone] == ["seed0001-seed0002", "seed0001-seed0004"]


def test_the_ends_of_each_way_are_the_networks_themselves(networks):
    source, target = networks.values()
    for way in (layer_swap.Way("interpolate"), layer_swap.Way("features", reverse=True), layer_swap.Way(width=1.0)):
        low, high = way.ends(source, target)
        stops = way.stops([0.5] if way.kind == "interpolate" else None, source)
        assert way.network(low, high, stops[0]) is low and way.network(low, high, stops[-1]) is high
        captions = [way.caption(stop) for stop in (stops[0], stops[-1])]
        assert captions == (["target", "source"] if way.reverse else ["source", "target"])


def test_names_and_captions_are_those_of_their_rows_and_columns(networks, monkeypatch):
    """Captions stand below the last row, the names of people in the order of the rows."""
    seen = []
    sheet = utils.sheet
    monkeypatch.setattr(utils, "sheet", lambda *what: seen.append(([*what[2]], [*what[3]])) or sheet(*what))
    who, stops = people.by_seed("3,5"), WAY.stops(None, networks["source"])
    ladder(networks, who)
    sheets.truncation_sheet(networks, who, psis=[0.5, 1])
    swaps, pulled = seen
    assert swaps == ([""] * len(stops) + [WAY.caption(stop) for stop in stops], who.captions)
    names = [f"{person} {name}" for person in who.captions for name in networks]
    assert pulled == ([""] * 2 * 3 + ["psi 0.5", "psi 1"], names)


def test_the_first_people_on_a_sheet_have_their_own_captions(networks, monkeypatch):
    seen, sheet = [], utils.paired_sheet
    monkeypatch.setattr(utils, "paired_sheet", lambda *what, captions: seen.extend(captions) or sheet(*what, captions=captions))
    sheets.people_sheet(networks, people.by_seed("7,5,3"), shown=2)
    assert seen == ["7", "5"]


def test_with_psi_0_everybody_climbs_the_ladder_as_the_average(networks):
    stops = WAY.stops(None, networks["source"])
    first, second = sheets.layer_ladder(*networks.values(), people.by_seed("3,5"), WAY, stops, brush=people.Brush(psi=0))
    assert [*map(Image.Image.tobytes, first)] == [*map(Image.Image.tobytes, second)]
