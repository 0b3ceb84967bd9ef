"""A run as curves and as a film."""

import json

import numpy as np
import pytest
from PIL import Image

from running.charts import draw_losses, draw_progress


def write_statistics(folder, lines: list[dict]) -> None:
    (folder / "stats.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def charted(folder) -> bytes:
    with Image.open(draw_losses(folder, ("d", "g"))) as chart:
        assert chart.size == (720, 320)
        return chart.tobytes()


def test_losses_of_a_run_are_drawn(tmp_path):
    lines = [{"kimg": i, "d": 1 / (i + 1), "g": 2.0, "r_t": 9.0} for i in range(5)]
    write_statistics(tmp_path, lines)
    chart = charted(tmp_path)
    write_statistics(tmp_path, [{name: line[name] for name in ("kimg", "d", "g")} for line in lines])
    assert charted(tmp_path) == chart  # r_t is no loss
    write_statistics(tmp_path, [{name: line[name] for name in ("kimg", "d")} for line in lines])
    assert charted(tmp_path) != chart


def test_a_long_run_is_drawn_by_the_means_of_neighbours(tmp_path):
    write_statistics(tmp_path, [{"kimg": float(i), "d": 5.0 + (-1) ** i} for i in range(400)])
    smooth = charted(tmp_path)
    write_statistics(tmp_path, [{"kimg": 2 * i + 0.5, "d": 5.0} for i in range(200)])
    assert charted(tmp_path) == smooth


def test_losses_that_exploded_do_not_prevent_the_chart(tmp_path):
    lines = [{"kimg": 1, "d": 1.0}, {"kimg": 2, "d": 2.0}]
    write_statistics(tmp_path, lines)
    chart = charted(tmp_path)
    write_statistics(tmp_path, [*lines, {"kimg": 3, "d": float("nan")}, {"kimg": 4, "d": float("inf")}])
    assert charted(tmp_path) == chart


@pytest.mark.parametrize("lines", [[], [{"kimg": 1, "d": 2.0}], [{"kimg": 1}]], ids=["empty", "one", "no losses"])
def test_few_statistics_give_a_chart_all_the_same(tmp_path, lines):
    write_statistics(tmp_path, lines)
    assert charted(tmp_path)


def test_no_statistics_no_chart(tmp_path):
    assert draw_losses(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_half_a_line_of_statistics_does_not_prevent_the_chart(tmp_path):
    write_statistics(tmp_path, [{"kimg": 1, "d": 1.0}, {"kimg": 2, "d": 2.0}])
    with (tmp_path / "stats.jsonl").open("a") as file:
        file.write('{"kimg": 3, "d')
    assert charted(tmp_path)


def write_samples(folder, iterations, size=(32, 16)) -> None:
    """Black, with a white line that moves one pixel from sample to sample."""
    (folder / "samples").mkdir(exist_ok=True)
    for i, iteration in enumerate(iterations):
        sample = Image.new("RGB", size)
        sample.paste((255, 255, 255), (i, 0, i + 1, size[1]))
        sample.save(folder / "samples" / f"{iteration:06d}.png")


def frames(folder) -> list[int]:
    """Where the white line is in each frame."""
    with Image.open(draw_progress(folder)) as animation:
        found = []
        for i in range(animation.n_frames):
            animation.seek(i)
            found.append(int(np.asarray(animation.convert("L"))[0].argmax()))
    return found


def test_samples_become_an_animation_in_their_order(tmp_path):
    write_samples(tmp_path, [0, 100, 99_900, 100_000])
    assert frames(tmp_path) == [0, 1, 2, 3]


def test_samples_beyond_a_million_iterations_come_last(tmp_path):
    write_samples(tmp_path, [900_000, 1_000_000, 1_100_000])
    assert frames(tmp_path) == [0, 1, 2]


@pytest.mark.parametrize("count", [0, 1])
def test_an_animation_needs_two_samples(tmp_path, count):
    write_samples(tmp_path, range(count))
    assert draw_progress(tmp_path) is None
    assert not (tmp_path / "progress.gif").exists()


def test_a_long_run_shows_its_first_and_last_sample_among_a_limited_number(tmp_path, monkeypatch):
    monkeypatch.setattr("running.charts.GIF_FRAMES", 4)
    write_samples(tmp_path, range(31))
    assert frames(tmp_path) == [0, 10, 20, 30]


def test_large_samples_are_shown_smaller(tmp_path):
    write_samples(tmp_path, range(2), size=(1280, 20))
    with Image.open(draw_progress(tmp_path)) as animation:
        assert animation.size == (640, 10)


def test_samples_of_another_size_or_kind_are_left_out_or_converted(tmp_path):
    write_samples(tmp_path, range(3))
    Image.new("RGB", (8, 8)).save(tmp_path / "samples" / "000001.png")
    with Image.open(last := tmp_path / "samples" / "000002.png") as sample:
        sample.convert("L").save(last)
    assert frames(tmp_path) == [0, 2]
    Image.new("RGB", (8, 8)).save(last)
    assert draw_progress(tmp_path) is None


def test_a_damaged_sample_does_not_prevent_the_animation(tmp_path):
    write_samples(tmp_path, range(3))
    damaged = tmp_path / "samples" / "000001.png"
    damaged.write_bytes(damaged.read_bytes()[:20])
    assert frames(tmp_path) == [0, 2]


def test_losses_that_the_lines_themselves_name_are_drawn_as_well(tmp_path):
    lines = [{"kimg": i, "d": 1.0, "anchor_w": 0.5, "real_score": 3.0} for i in range(3)]
    write_statistics(tmp_path, lines)
    without = charted(tmp_path)
    write_statistics(tmp_path, [line | {"terms": ["anchor_w"]} for line in lines])
    assert charted(tmp_path) != without
