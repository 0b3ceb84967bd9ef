"""Alignment: the square of FFHQ from points, what is cut out of it, and faces that are found."""

import builtins
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import InputError
from faces import align, locate
from faces.align import Box, Face
from tests.faces.astronaut import IRISES, turned

EYES = Face((40, 50), (60, 50))


@pytest.fixture(scope="module")
def astronaut():
    pytest.importorskip("cv2")
    data = pytest.importorskip("skimage.data")
    return Image.fromarray(data.astronaut())


@pytest.fixture(scope="module")
def finder():
    pytest.importorskip("cv2")
    return align.Finder()


def places(square, points):
    """Where points of the picture come to lie in the crop: across and down, 0 to 1."""
    across, down = square[3] - square[0], square[1] - square[0]
    return [np.array([(p - square[0]) @ axis / (axis @ axis) for axis in (across, down)]) for p in np.array(points, float)]


@pytest.fixture(scope="module")
def picture():
    """Soft blobs of colour, 128 x 128."""
    numbers = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(numbers).resize((128, 128), Image.Resampling.BICUBIC)


class TestSquare:
    @pytest.mark.parametrize("degrees", [0, 10, -35, 80, 180])
    @pytest.mark.parametrize("mouth", [None, (50, 70)])
    def test_eyes_are_level_at_their_place(self, degrees, mouth):
        points = turned([p for p in (*EYES[:2], mouth) if p], degrees, 1.7, (9, -4))
        square = align.ffhq_square(Face(*points))
        left, right = places(square, points[:2])
        np.testing.assert_allclose(right - left, [0.25, 0], atol=1e-9)
        np.testing.assert_allclose((left + right) / 2, [0.5, 0.475], atol=1e-9)

    def test_it_is_a_square_and_turns_grows_and_moves_with_the_face(self):
        face = Face((40, 50), (61, 47), (53, 71))
        square = align.ffhq_square(face)
        sides = np.roll(square, -1, 0) - square
        np.testing.assert_allclose(np.hypot(*sides.T), align.side(square))
        np.testing.assert_allclose((sides * np.roll(sides, -1, 0)).sum(1), 0, atol=1e-9)
        other = align.ffhq_square(Face(*turned(face, 25, 3, (7, 8))))
        np.testing.assert_allclose(other, turned(square, 25, 3, (7, 8)))

    def test_a_long_face_gets_a_larger_square(self):
        assert align.side(align.ffhq_square(Face((40, 50), (60, 50), (50, 70)))) == pytest.approx(80)
        assert align.side(align.ffhq_square(Face((40, 50), (60, 50), (50, 80)))) == pytest.approx(3.6 * 30)

    def test_the_order_of_the_eyes_does_not_matter(self):
        mouth = (52, 71)
        np.testing.assert_allclose(
            align.ffhq_square(Face((60, 50), (40, 50), mouth)), align.ffhq_square(Face(*EYES[:2], mouth))
        )

    @pytest.mark.parametrize("degrees", [0, 30, 90, 180, -90, 120])
    def test_the_order_of_eyes_given_by_hand_holds_however_the_photo_lies(self, degrees):
        points = turned(EYES[:2], degrees, 1.7, (300, 300))
        face = locate.parse_eyes(",".join(str(value) for point in points for value in point))
        left, right = places(align.ffhq_square(face), points)
        np.testing.assert_allclose([left, right], [[0.375, 0.475], [0.625, 0.475]], atol=1e-6)
        assert align.lies(align.ffhq_square(face)) == (abs(degrees) > 60)
        assert bool(locate.remark_on(face)) == (degrees in (180,))

    @pytest.mark.parametrize("face", [Face((5, 5), (5, 5)), Face((0, 0), (0, 0), (0, 0))])
    def test_eyes_at_one_point_are_no_face(self, face):
        with pytest.raises(align.NoFace):
            align.ffhq_square(face)

    def test_a_mouth_between_the_eyes_still_leaves_a_direction(self):
        assert np.isfinite(align.ffhq_square(Face((40, 50), (60, 50), (50, 50)))).all()

    def test_a_box_is_widened_about_its_centre(self):
        square = align.box_square(Box(10, 20, 30, 20), expand=1.5)
        np.testing.assert_allclose(square.mean(0), [25, 30])
        assert align.side(square) == pytest.approx(45)


class TestCut:
    def test_the_whole_picture_is_itself(self, picture):
        cut = align.cut(picture, align.centre_square(picture), 128)
        assert np.abs(np.asarray(cut, int) - np.asarray(picture, int)).max() <= 3  # it was drawn at four times the size

    def test_an_upright_square_is_a_crop(self, picture):
        cut = align.cut(picture, align.box_square(Box(32, 16, 64, 64), 1), 64)
        expected = np.asarray(picture.crop((32, 16, 96, 80)), int)
        assert np.abs(np.asarray(cut, int) - expected).max() <= 3

    @pytest.mark.parametrize("quarter", [1, 2, 3])
    def test_a_turned_square_turns_the_picture(self, picture, quarter):
        square = np.roll(align.centre_square(picture), -quarter, 0)
        expected = np.rot90(np.asarray(picture, int), -quarter)
        found = np.asarray(align.cut(picture, square, 128), int)
        assert np.abs(found - expected).max() <= 3

    @pytest.mark.parametrize("size", [8, 32, 100, 300])
    def test_any_size_shows_the_same(self, picture, size):
        cut = align.cut(picture, align.centre_square(picture), size)
        assert cut.size == (size, size)
        assert np.abs(np.asarray(cut, float).mean((0, 1)) - np.asarray(picture, float).mean((0, 1))).max() < 2

    def test_far_too_many_pixels_are_averaged_and_not_skipped(self):
        stripes = np.zeros((1024, 1024, 3), np.uint8)
        stripes[:, ::2] = 255
        cut = np.asarray(align.cut(Image.fromarray(stripes), align.box_square(Box(0, 0, 1024, 1024), 1), 16), int)
        assert np.abs(cut[2:-2, 2:-2] - 127.5).max() < 3

    @pytest.mark.parametrize("box", [Box(-40, -40, 128, 128), Box(90, 90, 128, 128), Box(-300, -300, 700, 700)])
    def test_beyond_the_edge_the_picture_goes_on(self, picture, box):
        cut = np.asarray(align.cut(picture, align.box_square(box, 1), 64), int)
        assert cut.shape == (64, 64, 3)
        assert cut.min() > 0 or np.asarray(picture).min() == 0  # no black corners
        flat = Image.new("RGB", (128, 128), (200, 30, 90))
        assert (np.asarray(align.cut(flat, align.box_square(box, 1), 64)) == (200, 30, 90)).all()

    @pytest.mark.parametrize(
        "box, word", [(Box(1000, 1000, 50, 50), "outside"), (Box(0, 0, 1e9, 1), "larger"), (Box(1e300, 0, 1, 1), "outside")]
    )
    def test_what_lies_elsewhere_or_covers_everything_is_no_face(self, picture, box, word):
        with pytest.raises(align.NoFace, match=word):
            align.cut(picture, align.box_square(box, 1), 64)

    def test_a_thin_picture_takes_no_room(self):
        cut = align.cut(Image.new("RGB", (3000, 2), "red"), align.box_square(Box(0, 0, 20000, 2), 1), 64)
        assert (np.asarray(cut) == (255, 0, 0)).all()

    def test_the_upscaler_gets_what_is_too_small_and_only_that(self, picture):
        calls = []

        def upscaler(part, factor):
            calls.append((part.size, factor))
            return align.lanczos(part, factor)

        align.cut(picture, align.box_square(Box(32, 32, 64, 64), 1), 64, upscaler)
        assert not calls
        plain = align.cut(picture, align.box_square(Box(32, 32, 64, 64), 1), 160)
        hooked = align.cut(picture, align.box_square(Box(32, 32, 64, 64), 1), 160, upscaler)
        assert plain.tobytes() == hooked.tobytes()
        ((size, factor),) = calls
        assert factor == 2.5 and 64 <= size[0] <= 72  # the face and a small margin


class TestFinder:
    def test_the_astronaut_is_found_and_brought_to_the_place_of_ffhq(self, astronaut, finder):
        (face,) = finder.faces(astronaut)
        left, right = places(align.ffhq_square(face), IRISES)
        distance, height = np.hypot(*(right - left)), (left + right)[1] / 2
        assert abs(distance - 0.25) < 0.03 * 0.25
        assert abs(height - 0.47) < 0.03 * 0.47
        assert abs((right - left)[1]) < 0.03 * 0.25  # level
        assert abs((left + right)[0] / 2 - 0.5) < 0.01

    def test_what_is_found_in_the_crop_is_at_the_place_of_ffhq(self, astronaut, finder):
        (face,) = finder.faces(astronaut)
        crop = align.cut(astronaut, align.ffhq_square(face), 256)
        (again,) = finder.faces(crop)
        left, right = np.array(again.left_eye) / 256, np.array(again.right_eye) / 256
        assert abs((right - left)[0] - 0.25) < 0.03 * 0.25
        assert abs((left + right)[1] / 2 - 0.475) < 0.03 * 0.47
        assert abs((right - left)[1]) < 0.03 * 0.25

    @pytest.mark.parametrize("degrees", [-35, -15, 20, 45])
    def test_a_tilted_face_is_found_and_turned_upright(self, astronaut, finder, degrees):
        tilted = astronaut.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
        face = finder.faces(tilted)[0]
        centre, new = np.array(astronaut.size) / 2, np.array(tilted.size) / 2
        irises = turned(IRISES - centre, -degrees) + new
        left, right = places(align.ffhq_square(face), irises)
        np.testing.assert_allclose(right - left, [0.25, 0], atol=0.02)
        np.testing.assert_allclose((left + right) / 2, [0.5, 0.475], atol=0.02)

    @pytest.mark.parametrize("size", [200, 1500])
    def test_eyes_are_found_at_any_size(self, astronaut, finder, size):
        face = finder.faces(astronaut.resize((size, size), Image.Resampling.LANCZOS))[0]
        np.testing.assert_allclose(np.array(face[:2]) * 512 / size, IRISES, atol=2.5)

    @pytest.mark.parametrize("quarter", [1, 2, 3])
    def test_a_photo_on_its_side_or_on_its_head_is_turned_upright(self, astronaut, finder, quarter):
        small = astronaut.resize((256, 256), Image.Resampling.LANCZOS)
        lying = Image.fromarray(np.rot90(np.asarray(small), quarter))
        square = align.ffhq_square(finder.faces(lying)[0])
        points = turned(IRISES / 2 - 128, -90 * quarter) + 128
        np.testing.assert_allclose(places(square, points), [[0.375, 0.475], [0.625, 0.475]], atol=0.03)
        assert align.lies(square) and not align.lies(align.ffhq_square(finder.faces(small)[0]))

    @pytest.mark.parametrize("upright, turned, wins", [(0, 14, 0), (0, 15, 90), (6, 30, 90), (9, 17, 0), (20, 99, 0)])
    def test_a_turned_face_wins_where_it_is_far_surer(self, finder, picture, monkeypatch, upright, turned, wins):
        def search(grey, turns, sure=5):
            count = {0: upright, 90: turned}.get(turns[0], 0)
            eyes = (np.array([turns[0], 0.0]), np.array([turns[0] + 9.0, 0.0]))
            return align.Found([eyes] if count else [], count)

        monkeypatch.setattr(finder, "_search", search)
        if not upright and not wins:
            with pytest.raises(align.NoFace):
                finder.faces(picture)
        else:
            assert finder.faces(picture)[0].left_eye[0] == wins

    def test_two_people_are_both_found(self, astronaut, finder):
        pair = Image.new("RGB", (1024, 512))
        pair.paste(astronaut)
        pair.paste(astronaut.resize((400, 400)), (512, 0))
        faces = finder.faces(pair)
        assert [round(face.left_eye[0] / 512) for face in faces] == [0, 1]  # the larger one first

    def test_a_box_is_found_by_a_cascade_of_the_users(self, astronaut):
        cv2 = pytest.importorskip("cv2")
        finder = align.Finder(Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml")
        (box,) = finder.boxes(astronaut)
        assert box.x < IRISES[0][0] < IRISES[1][0] < box.x + box.width

    @pytest.mark.parametrize(
        "picture", [Image.new("RGB", (64, 64), "red"), Image.new("RGB", (1, 1)), Image.new("RGB", (3000, 2))]
    )
    def test_no_face_is_not_found(self, finder, picture):
        with pytest.raises(align.NotFound, match="no face with two visible eyes"):
            finder.faces(picture)
        with pytest.raises(align.NotFound, match="no face"):
            finder.boxes(picture)

    @pytest.mark.parametrize("text", ["", "no cascade", "<?xml version='1.0'?><opencv_storage></opencv_storage>"])
    def test_a_file_that_is_no_cascade_gets_one_line(self, tmp_path, text):
        pytest.importorskip("cv2")
        path = tmp_path / "c.xml"
        path.write_text(text)
        with pytest.raises(InputError, match=r"c\.xml: not a cascade"):
            align.Finder(path)
        with pytest.raises(InputError, match=r"none\.xml"):
            align.Finder(tmp_path / "none.xml")

    def test_the_missing_package_is_named(self, monkeypatch):
        real = builtins.__import__

        def without(name, *rest):
            if name == "cv2":
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(InputError, match=r"pip install -e \.\[faces\]"):
            align.Finder()
