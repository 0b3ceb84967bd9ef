"""Tables that grow with a run: a line for each iteration, whatever was killed before."""

from PIL import Image

from baselines.tables import Losses, draw_curves, read_csv, write_csv


def test_a_run_that_goes_on_replaces_what_came_after_its_checkpoint(tmp_path):
    first, again = Losses(["d", "g"]), Losses(["d", "g"])
    for iteration in range(1, 6):
        first.add(tmp_path, iteration, {"d": iteration, "g": 0.5})
    with (tmp_path / "losses.csv").open("a") as file:
        file.write("6,0.")  # killed
    for iteration in (4, 5):
        again.add(tmp_path, iteration, {"d": 10 * iteration, "g": 0.25})
    lines = read_csv(tmp_path / "losses.csv")
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["d"] for line in lines] == [1, 2, 3, 40, 50]
    assert Image.open(again.draw(tmp_path)).size == (720, 320)


def test_a_table_is_read_as_it_was_written(tmp_path):
    lines = [{"iteration": 5.0, "kid": 0.25, "fid": 30.0}, {"iteration": 10.0, "kid": 0.125, "fid": 20.0}]
    write_csv(tmp_path / "scores.csv", lines)
    assert read_csv(tmp_path / "scores.csv") == lines
    assert draw_curves(tmp_path / "fid.png", lines, ["fid"], "fid").exists()
    write_csv(tmp_path / "none.csv", [])
    assert read_csv(tmp_path / "none.csv") == read_csv(tmp_path / "missing.csv") == []
