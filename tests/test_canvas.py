"""Sheets, charts, and the files of pictures."""

import contextlib
import itertools
import os
import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import animation
import canvas
from canvas import GAP, LEAST_SIDE, LINE_COLOURS, PAPER

SIDE = LEAST_SIDE  # pictures of this side are shown as they are


def flat(colour: tuple[int, int, int], width: int = SIDE, height: int | None = None) -> Image.Image:
    return Image.new("RGB", (width, height or width), colour)


def colours(count: int) -> list[tuple[int, int, int]]:
    """As many dark colours, no two alike."""
    return [(10 + 20 * i % 200, 50, 10 + 7 * i) for i in range(count)]


def block(sheet: Image.Image, left: int, top: int, width: int = SIDE, height: int = SIDE) -> np.ndarray:
    return np.asarray(sheet)[top : top + height, left : left + width]


def is_flat(pixels: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return pixels.size > 0 and bool((pixels == colour).all())


def ink(pixels: np.ndarray) -> int:
    """How many pixels are not paper."""
    return int((pixels != PAPER).any(-1).sum())


def place(column: int, row: int, left: int = 0, line: int = 0) -> tuple[int, int]:
    """Left and top of a picture on a sheet, after row names `left` wide, each row followed by a caption `line` high."""
    return left + GAP + column * (SIDE + GAP), GAP + row * (SIDE + GAP + line)


def test_png_text_is_read_back(tmp_path):
    path = tmp_path / "new" / "folder" / "a.png"
    text = {"seed": 7, "ckpt": Path("ü/網.pt"), "truncation": 0.7}
    assert canvas.save_png(flat((1, 2, 3), 4), path, **text) == path
    with Image.open(path) as picture:
        assert picture.getpixel((3, 3)) == (1, 2, 3)
        assert picture.text == {"seed": "7", "ckpt": "ü/網.pt", "truncation": "0.7"}


def test_png_text_takes_names_that_are_no_utf_8(tmp_path):
    path = canvas.save_png(flat((1, 2, 3)), tmp_path / "a.png", source=os.fsdecode(b"\xe9.png"))
    assert Image.open(path).info["source"] == r"\udce9.png"


@contextlib.contextmanager
def little_room(size: int):
    """Files of at most `size` bytes can be written: a write beyond fails as on a full disk, after a part of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", ["png", "gif", "webp", "mp4"])
def test_a_full_disk_leaves_the_old_picture_and_no_half_one(tmp_path, suffix):
    def save(folder: Path) -> Path:
        path = folder / f"a.{suffix}"
        return canvas.save_png(noisy[0], path) if suffix == "png" else animation.save(noisy, path)

    if suffix == "mp4":
        pytest.importorskip("av")
    numbers = np.random.default_rng(0)
    noisy = [Image.fromarray(numbers.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(8)]
    before = save(tmp_path).read_bytes()
    with little_room(500):
        for folder in (tmp_path, tmp_path / "new"):
            with pytest.raises(OSError, match="File too large") as caught:
                save(folder)
            assert caught.value.filename == str(folder / f"a.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == before
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"a.{suffix}"]


def test_names_of_rows_that_cannot_be_written_are_numbered_by_network():
    names = canvas.Layout((128, 128), 4, 1, (), ["Zoë", "日本", "Zoë", "日本"], "").row_names
    assert names == ["Zoë", "#2", "Zoë", "#2"]


def test_a_long_name_is_no_obstacle_to_a_whole_file(tmp_path):
    path = tmp_path / f"{'網' * 83}.png"  # 253 bytes; file systems allow 255
    assert canvas.save_png(flat((1, 2, 3), 4), path).is_file()


@pytest.mark.parametrize("count, columns", [(1, 1), (5, 2), (6, 3), (2, 4)])
def test_pictures_lie_in_rows_with_gaps_of_paper(count, columns):
    wanted = colours(count)
    sheet = canvas.sheet([flat(colour) for colour in wanted], columns)
    rows = -(-count // columns)
    assert sheet.size == (columns * (SIDE + GAP) + GAP, rows * (SIDE + GAP) + GAP)
    for i, colour in enumerate(wanted):
        assert is_flat(block(sheet, *place(i % columns, i // columns)), colour)
    assert ink(np.asarray(sheet)) == count * SIDE**2


@pytest.mark.parametrize("width, shown", [(4, 128), (16, 128), (100, 200), (127, 254), (128, 128), (300, 300)])
def test_small_pictures_are_enlarged_by_a_whole_factor(width, shown):
    picture = flat((200, 0, 0), width, 2 * width)
    picture.paste((0, 0, 200), (0, width, width, 2 * width))
    sheet = canvas.sheet([picture], 1)
    assert sheet.size == (shown + 2 * GAP, 2 * shown + 2 * GAP)
    assert sheet.getpixel((GAP, GAP)) == (200, 0, 0)
    assert sheet.getpixel((GAP + shown - 1, GAP + 2 * shown - 1)) == (0, 0, 200)


def test_captions_stand_below_their_pictures_and_rows_without_any_take_no_room():
    captions = ["", "0", "", "", "1234"]
    sheet = canvas.sheet([flat(colour) for colour in colours(5)], 2, captions)
    line = sheet.height - (3 * (SIDE + GAP) + GAP)
    assert line % 2 == 0
    line //= 2  # the first row and the last have captions
    tops = [GAP, GAP + SIDE + GAP + line, GAP + 2 * (SIDE + GAP) + line]
    for i, caption in enumerate(captions):
        left, top = place(i % 2, 0)[0], tops[i // 2]
        assert is_flat(block(sheet, left, top), colours(5)[i])
        if caption or i < 2:
            below = block(sheet, left, top + SIDE, height=line + GAP)
            assert (ink(below) > 0) == bool(caption)


def test_row_names_stand_before_the_middle_of_their_rows_and_the_title_above_all():
    pictures = [flat(colour) for colour in colours(4)]
    named = canvas.sheet(pictures, 2, row_names=["source", ""])
    left = named.width - canvas.sheet(pictures, 2).width
    assert left > 0
    for row, name in enumerate(["source", ""]):
        x, y = place(0, row, left)
        assert is_flat(block(named, x, y), colours(4)[2 * row])
        assert (ink(block(named, 0, y + SIDE // 4, left, SIDE // 2)) > 0) == bool(name)
    titled = canvas.sheet(pictures, 2, title="Faces")
    above = titled.height - canvas.sheet(pictures, 2).height
    assert ink(block(titled, 0, 0, titled.width, above)) > 0
    assert is_flat(block(titled, GAP, GAP + above), colours(4)[0])


def test_long_captions_stay_below_their_own_picture_and_long_titles_are_not_cut():
    sheet = canvas.sheet([flat(colour) for colour in colours(3)], 3, ["", "a_long_name_of_a_photo_0001.png", ""])
    below = np.asarray(sheet)[GAP + SIDE + GAP :]
    assert ink(below[:, place(1, 0)[0] : place(2, 0)[0]]) == ink(below) > 0
    titles = ["layers " * count for count in range(1, 9)]
    shown = [canvas.sheet([flat(colours(1)[0])], 1, title=title) for title in titles]
    written = [ink(np.asarray(sheet)) - SIDE**2 for sheet in shown]
    assert np.ptp(np.diff(written)) < 0.1 * written[0]  # every word shows


@pytest.mark.parametrize("count, columns", [(1, 1), (5, 2), (3, 8)])
@pytest.mark.parametrize("side", [16, 200])
@pytest.mark.parametrize("title", ["", "a title that is wider than one picture, and wider than two of them as well"])
def test_the_size_of_a_sheet_is_known_before_its_pictures(count, columns, side, title):
    captions, names = ["", "x", "", "", ""][:count], ["a", "long name"]
    sheet = canvas.sheet([flat((9, 9, 9), side)] * count, columns, captions, names, title)
    assert canvas.Layout((side, side), count, columns, captions, names, title).size == sheet.size


@pytest.mark.parametrize("count, columns", [(1, 1), (5, 2), (4, 8), (6, 3)])
@pytest.mark.parametrize("names", [[""], ["photo", "cartoon"]])
def test_the_size_of_a_paired_sheet_is_known_before_its_pictures(count, columns, names):
    people = {name: [flat((9, 9, 9))] * count for name in names}
    assert (
        canvas.paired_sheet_size((SIDE, SIDE), names, count, columns, "+2")
        == canvas.paired_sheet(people, columns, title="+2").size
    )


def test_long_names_of_rows_leave_room_for_the_pictures():
    names = ["a_long_name_of_a_photo_" * 10 + ending for ending in ("0001.png", "0002.png")]
    sheet = canvas.sheet([flat((9, 9, 9))] * 2, 1, row_names=names)
    assert sheet.width <= canvas.LEAST_NAME + SIDE + 2 * GAP + 8
    rows = [block(sheet, 0, top, sheet.width - SIDE - GAP) for top in (GAP, 2 * GAP + SIDE)]
    assert ink(rows[0]) and not np.array_equal(*rows)  # their ends show


def test_captions_that_cannot_be_written_are_numbers_and_never_boxes():
    names = ["", "a.png", "小林.png", "김.png", ""]
    shown = canvas.sheet([flat((9, 9, 9))] * 5, 5, names)
    assert shown.tobytes() == canvas.sheet([flat((9, 9, 9))] * 5, 5, ["", "a.png", "#2", "#3", ""]).tobytes()
    assert canvas.sheet([flat((9, 9, 9))], 1, title="小").tobytes() == canvas.sheet([flat((9, 9, 9))], 1, title="?").tobytes()


def test_a_sheet_larger_than_pillow_expects_of_strangers_is_read(tmp_path, monkeypatch):
    path = canvas.save_png(flat((1, 2, 3), 64), tmp_path / "a.png")
    assert Image.MAX_IMAGE_PIXELS is None and canvas.read_picture(path).getpixel((0, 0)) == (1, 2, 3)


@pytest.mark.parametrize("count, columns", [(1, 3), (3, 3), (4, 3), (7, 3), (2, 1)])
def test_paired_sheet_keeps_a_person_in_one_column_under_any_count(count, columns):
    wanted = colours(2 * count)
    people = {
        "photo": [flat(colour) for colour in wanted[:count]],
        "cartoon": [flat(colour) for colour in wanted[count:]],
    }
    sheet = canvas.paired_sheet(people, columns)
    wide, blocks = min(columns, count), -(-count // columns)
    left = sheet.width - (wide * (SIDE + GAP) + GAP)
    assert left > 0
    assert sheet.height == 2 * blocks * (SIDE + GAP) + GAP
    for i in range(count):
        for row in (0, 1):
            assert is_flat(block(sheet, *place(i % columns, 2 * (i // columns) + row, left)), wanted[row * count + i])
    for i in range(count, blocks * wide):
        for row in (0, 1):
            assert is_flat(block(sheet, *place(i % columns, 2 * (i // columns) + row, left)), PAPER)


def test_paired_sheet_writes_each_caption_once_below_the_person():
    captions = ["0", "", "2", "3"]
    people = {"a": [flat((9, 9, 9))] * 4, "b": [flat((99, 9, 9))] * 4}
    sheet = canvas.paired_sheet(people, 3, captions)
    line = (sheet.height - (4 * (SIDE + GAP) + GAP)) // 2
    left = sheet.width - (3 * (SIDE + GAP) + GAP)
    tops = [GAP, GAP + SIDE + GAP, GAP + 2 * (SIDE + GAP) + line, GAP + 3 * (SIDE + GAP) + line]
    written = [
        [ink(block(sheet, place(column, 0, left)[0], top + SIDE, height=GAP + line * (row % 2))) > 0 for column in range(3)]
        for row, top in enumerate(tops)
    ]
    assert written == [[False] * 3, [True, False, True], [False] * 3, [True, False, False]]


def test_paired_sheet_of_one_kind_without_a_name_is_a_sheet():
    pictures = [flat(colour) for colour in colours(4)]
    paired, plain = canvas.paired_sheet({"": pictures}, 2), canvas.sheet(pictures, 2)
    assert paired.tobytes() == plain.tobytes()


CURVE = ([0, 1, 2, 3], [1.0, 3.0, 2.0, 4.0])


def chart(**curves) -> Image.Image:
    return canvas.line_chart(curves, "title", "x")


def drawn(picture: Image.Image, curve: int = 0) -> np.ndarray:
    """Rows and columns of the pixels in a curve's colour, below the legend."""
    rows, columns = np.nonzero((np.asarray(picture)[28:] == LINE_COLOURS[curve]).all(-1))
    return np.stack([rows, columns])


def test_chart_draws_each_curve_in_its_colour():
    picture = chart(a=CURVE, b=([0, 3], [0, 0]))
    (rows, columns), (rows_b, columns_b) = drawn(picture), drawn(picture, curve=1)
    assert abs(columns.min() - columns_b.min()) <= 1 and abs(columns.max() - columns_b.max()) <= 1
    assert columns[rows.argmin()] > columns.max() - 5  # the highest value is the last
    assert columns[rows.argmax()] < columns.min() + 5  # and the lowest the first
    assert np.ptp(rows_b) <= 1
    assert rows_b.min() > rows.max()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_left_out_of_a_chart(value):
    xs, ys = CURVE
    holed = ([*xs[:2], 1.5, *xs[2:], 9], [*ys[:2], value, *ys[2:], value])
    assert chart(a=holed).tobytes() == chart(a=CURVE).tobytes()
    assert chart(a=CURVE, b=([0, 1], [value, value])).tobytes() == chart(a=CURVE).tobytes()


def test_a_chart_without_values_says_so():
    empty = chart()
    assert empty.size == (720, 320)
    assert ink(np.asarray(empty)) > ink(np.asarray(canvas.line_chart({}, "", "")))
    assert chart(a=([], [])).tobytes() == chart(a=([1], [float("nan")])).tobytes() == empty.tobytes()


@pytest.mark.parametrize("value", [0.0, 5.0, -3e-7, 1e12])
def test_a_chart_of_equal_values_is_a_level_line(value):
    rows, _ = drawn(chart(a=([2.0, 3.0], [value, value])))
    assert len(rows) > 1000
    assert np.ptp(rows) <= 1


def test_a_chart_of_one_value_marks_its_place():
    assert drawn(chart(a=([2.0], [5.0]))).size > 0


FINITE = st.floats(-1e9, 1e9).map(lambda x: round(x, 6))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(FINITE, FINITE)
def test_ticks_are_a_few_round_numbers_that_enclose_the_data(a, b):
    low, high = sorted((a, b))
    ticks = canvas._ticks(low, high)
    step = ticks[1] - ticks[0]
    assert ticks[0] <= low + 1e-9 * step
    assert ticks[-1] >= high - 1e-9 * step
    assert 2 <= len(ticks) <= 8
    assert all(later - earlier == pytest.approx(step, rel=1e-6) for earlier, later in itertools.pairwise(ticks))
    assert f"{step:.3e}"[:5] in ("1.000", "2.000", "5.000")
