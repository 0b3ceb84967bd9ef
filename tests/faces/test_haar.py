"""Faces that the cascades of OpenCV find: where, tilted, on their side, several, none."""

import builtins
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import InputError
from faces import align, haar
from tests.faces.astronaut import IRISES, places, turned


@pytest.fixture(scope="module")
def astronaut():
    pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data")
    return Image.fromarray(data.astronaut())


@pytest.fixture(scope="module")
def finder():
    pytest.importorskip("cv2")
    return haar.Finder()


def test_the_astronaut_is_found_and_brought_to_the_place_of_ffhq(astronaut, finder):
    (face,) = finder.faces(astronaut)
    left, right = places(align.ffhq_square(face), IRISES)
    distance, height = np.hypot(*(right - left)), (left + right)[1] / 2
    assert abs(distance - 0.25) < 0.03 * 0.25
    assert abs(height - 0.47) < 0.03 * 0.47
    assert abs((right - left)[1]) < 0.03 * 0.25  # level
    assert abs((left + right)[0] / 2 - 0.5) < 0.01


def test_what_is_found_in_the_crop_is_at_the_place_of_ffhq(astronaut, finder):
    (face,) = finder.faces(astronaut)
    crop = align.cut(astronaut, align.ffhq_square(face), 256)
    (again,) = finder.faces(crop)
    left, right = np.array(again.left_eye) / 256, np.array(again.right_eye) / 256
    assert abs((right - left)[0] - 0.25) < 0.03 * 0.25
    assert abs((left + right)[1] / 2 - 0.475) < 0.03 * 0.47
    assert abs((right - left)[1]) < 0.03 * 0.25


@pytest.mark.parametrize("degrees", [-35, -15, 20, 45])
def test_a_tilted_face_is_found_and_turned_upright(astronaut, finder, degrees):
    tilted = astronaut.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    face = finder.faces(tilted)[0]
    centre, new = np.array(astronaut.size) / 2, np.array(tilted.size) / 2
    irises = turned(IRISES - centre, -degrees) + new
    left, right = places(align.ffhq_square(face), irises)
    np.testing.assert_allclose(right - left, [0.25, 0], atol=0.02)
    np.testing.assert_allclose((left + right) / 2, [0.5, 0.475], atol=0.02)


@pytest.mark.parametrize("size", [200, 1500])
def test_eyes_are_found_at_any_size(astronaut, finder, size):
    face = finder.faces(astronaut.resize((size, size), Image.Resampling.LANCZOS))[0]
    np.testing.assert_allclose(np.array(face[:2]) * 512 / size, IRISES, atol=2.5)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_photo_on_its_side_or_on_its_head_is_turned_upright(astronaut, finder, quarter):
    small = astronaut.resize((256, 256), Image.Resampling.LANCZOS)
    lying = Image.fromarray(np.rot90(np.asarray(small), quarter))
    square = align.ffhq_square(finder.faces(lying)[0])
    points = turned(IRISES / 2 - 128, -90 * quarter) + 128
    np.testing.assert_allclose(places(square, points), [[0.375, 0.475], [0.625, 0.475]], atol=0.03)
    assert align.lies(square) and not align.lies(align.ffhq_square(finder.faces(small)[0]))


@pytest.mark.parametrize("upright, turned, wins", [(0, 14, 0), (0, 15, 90), (6, 30, 90), (9, 17, 0), (20, 99, 0)])
def test_a_turned_face_wins_where_it_is_far_surer(finder, monkeypatch, upright, turned, wins):
    picture = Image.new("RGB", (128, 128))

    def search(grey, turns, sure=5):
        count = {0: upright, 90: turned}.get(turns[0], 0)
        eyes = (np.array([turns[0], 0.0]), np.array([turns[0] + 9.0, 0.0]))
        return haar.Found([eyes] if count else [], count)

    monkeypatch.setattr(finder, "_search", search)
    if not upright and not wins:
        with pytest.raises(align.NoFace):
            finder.faces(picture)
    else:
        assert finder.faces(picture)[0].left_eye[0] == wins


def test_two_people_are_both_found(astronaut, finder):
    pair = Image.new("RGB", (1024, 512))
    pair.paste(astronaut)
    pair.paste(astronaut.resize((400, 400)), (512, 0))
    faces = finder.faces(pair)
    assert [round(face.left_eye[0] / 512) for face in faces] == [0, 1]  # the larger one first


def test_a_box_is_found_by_a_cascade_of_the_users(astronaut):
    cv2 = pytest.importorskip("cv2")
    finder = haar.Finder(Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml")
    (box,) = finder.boxes(astronaut)
    assert box.x < IRISES[0][0] < IRISES[1][0] < box.x + box.width


@pytest.mark.parametrize("picture", [Image.new("RGB", (64, 64), "red"), Image.new("RGB", (1, 1)), Image.new("RGB", (3000, 2))])
def test_no_face_is_not_found(finder, picture):
    with pytest.raises(align.NotFound, match="no face with two visible eyes"):
        finder.faces(picture)
    with pytest.raises(align.NotFound, match="no face"):
        finder.boxes(picture)


@pytest.mark.parametrize("text", ["", "no cascade", "<?xml version='1.0'?><opencv_storage></opencv_storage>"])
def test_a_file_that_is_no_cascade_gets_one_line(tmp_path, text):
    pytest.importorskip("cv2")
    path = tmp_path / "c.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"c\.xml: not a cascade"):
        haar.Finder(path)
    with pytest.raises(InputError, match=r"none\.xml"):
        haar.Finder(tmp_path / "none.xml")


def test_the_missing_package_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "cv2":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install -e \.\[faces\]"):
        haar.Finder()
