"""The line under a picture writes the same file, byte for byte."""

import io
import shlex

import pytest
from PIL import Image

import apply_factor
import checkpoint
import cli
import flags
from editing import latents, sefa
from editing.directions import read_directions, save_directions
from explorer import films, lines
from explorer.face import Face, Strength
from explorer.studio import Studio
from scripts import cartoonize, generate
from tests.commands import run
from tests.explorer.served import networks
from tests.networks import tiny_generator, tiny_generator1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def studio(folder):
    paths = dict(zip(("source", "cartoon"), map(str, networks(folder / "networks"))))
    opened = {row: checkpoint.read(path).generator() for row, path in paths.items()}
    file = str(save_directions(folder / "it's.pt", sefa.sefa(opened["source"])))
    latents.save_latents(folder / "me.pt", opened["source"].broadcast(opened["source"].w_avg[None]), space="w+", names=["me"])
    return Studio(opened, paths, {file: read_directions(file)})


def words(line: str) -> list[str]:
    """Of a command, without its name."""
    parts = shlex.split(line)
    return parts[3:] if parts[1] == "-m" else parts[2:]


def faces(folder) -> dict[str, Face]:
    file = str(folder / "it's.pt")
    moved = Face(seed=3).moved(Strength(file, 1, 1, -2.5, "0-2"), Strength(file, 0, 0, 0.1))
    return {
        "plain": Face(),
        "truncated": Face(seed=2**32 - 1, psi=-0.5, cutoff=2),
        "whole": Face(seed=5, psi=1.0, cutoff=2),
        "without noise": Face(noise=False),
        "moved": moved,
        "mixed": Face(**{**vars(moved), "giver": "9", "given": "coarse,5", "swap": 8, "width": 0.5}),
        "swapped at once": Face(swap=16, giver="1", given=""),
        "of a photo": Face(latents=str(folder / "me.pt"), psi=1.0, giver=str(folder / "me.pt"), given="0"),
    }


KINDS = ["plain", "truncated", "whole", "without noise", "moved", "mixed", "swapped at once", "of a photo"]


@pytest.mark.parametrize("row", ["source", "cartoon"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_face_is_drawn_by_its_line(studio, folder, tmp_path, kind, row):
    face = faces(folder)[kind]
    shown = studio.pictures(face)[["source", "cartoon"].index(row)]
    run(generate, *words(shown.line), "--outdir", tmp_path, "--device", "cpu")
    name = "me.png" if face.latents else f"seed{face.seed:04d}.png"
    assert (tmp_path / name).read_bytes() == shown.png


@pytest.mark.parametrize(("size", "count"), [(16, 0), (128, 1)])
def test_a_slow_machine_shows_a_smaller_picture_first_where_there_is_one(size, count):
    slow = Studio({"": tiny_generator(size=size)}, {"": "c.pt"}, {})
    slow.seconds = 10.0
    shown = slow.previews(Face())
    assert len(shown) == count
    for one in shown:
        with Image.open(io.BytesIO(one.png)) as picture:
            assert picture.size == (64, 64) and (one.side, one.final) == (128, False)
    slow.seconds = 0.0
    assert slow.previews(Face()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_was_begun_ends_as_one_that_was_drawn_at_once(studio, folder, monkeypatch, kind):
    monkeypatch.setattr("explorer.studio.PREVIEW", 8)
    monkeypatch.setattr("explorer.studio.SLOW", 0.0)
    slow = Studio(studio.networks, studio.paths, studio.directions)
    face = faces(folder)[kind]
    assert len(slow.previews(face)) == 2
    assert slow.pictures(face) == studio.pictures(face)


def test_a_network_that_paints_one_size_only_has_no_smaller_picture(monkeypatch):
    monkeypatch.setattr("explorer.studio.PREVIEW", 8)
    slow = Studio({"": tiny_generator1()}, {"": "c.pt"}, {})
    slow.seconds = 10.0
    assert slow.previews(Face()) == [] and len(slow.pictures(Face())) == 1


def test_what_changes_a_face_changes_its_picture(studio, folder):
    drawn = [studio.pictures(face)[1].png for face in faces(folder).values()]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize("ending", ["webp"])
def test_a_swing_is_drawn_by_its_line(studio, folder, tmp_path, ending):
    (file,) = studio.directions
    face, slider = faces(folder)["mixed"], studio.sliders(file)[1]
    film = films.swing(studio, face, file, slider, 1.5, ending)
    run(apply_factor, *words(film.line), "--outdir", tmp_path, "--device", "cpu")
    (written,) = tmp_path.glob(f"*.{ending}")
    assert written.read_bytes() == film.data


@pytest.mark.parametrize("steps, encoder", [(20, ""), (0, "e.pt")])
def test_a_photo_tells_what_the_command_would(steps, encoder):
    paths = {"source": "s.pt", "cartoon": "c.pt"}
    args = cartoonize.parser().parse_args(words(lines.photo("me.jpg", "", steps, paths, encoder)))
    cartoonize.fill_in(args)
    told = lines.photo_text(steps, paths, "me", encoder)
    assert told == {"photo": "me"} | cli.told(args, flags.CARTOON) | {"space": told["space"], "wplus_reg": told["wplus_reg"]}


def test_a_line_can_be_pasted_whatever_files_are_called():
    line = lines.photo("it's me.jpg", "-3.0,1.0,2.0,1.0", 20, {"source": "a b.pt", "cartoon": "c.pt"})
    assert words(line) == [
        *("it's me.jpg", "--source", "a b.pt", "--target", "c.pt"),
        *("--eyes=-3.0,1.0,2.0,1.0", "--step", "20", "--tune", "0", "--truncation", "1"),
    ]
