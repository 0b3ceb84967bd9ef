"""Alignment: the square of FFHQ from points, and what is cut out of it."""

import numpy as np
import pytest
from PIL import Image

from faces import align, locate
from faces.align import Box, Face
from tests.faces.astronaut import places, turned

EYES = Face((40, 50), (60, 50))


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
