"""What a run leaves behind: statistics, samples, charts."""

import json
import resource
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from running import loggers
from running.base import Logs, Statistic
from running.report import Report

TIMING = {"sec_per_kimg", "seconds", "gib"}


class State(SimpleNamespace):
    device = torch.device("cpu")
    picture = Image.new("RGB", (4, 4))

    def figures(self) -> dict[str, float]:
        return self.at_the_end

    def sheet(self, count: int) -> Image.Image:
        return self.picture


class FakeRun(SimpleNamespace):
    shown = property(lambda self: self.state.iteration * self.total_batch)


def run_of(iteration: int = 0, **figures: float) -> SimpleNamespace:
    """As much of a run as a report looks at: 8 images a step, 20 in the data set."""
    images = torch.arange(20, dtype=torch.uint8).mul(10)[:, None, None, None].expand(20, 3, 16, 16)
    return FakeRun(
        args=SimpleNamespace(iter=1000, n_sample=4, tensorboard=False, wandb=None),
        evaluation=None,
        state=State(iteration=iteration, at_the_end=figures),
        images=images,
        total_batch=8,
        options={"lr": 0.002},
        losses=("d", "g"),
        told=("p",),
        watch=lambda folder: lambda line: [],
    )


def count_up(report: Report, iterations: int, logs=lambda i: {"d": float(i)}) -> None:
    """Iterations that log what `logs` makes of their number."""
    for _ in range(iterations):
        report.run.state.iteration += 1
        report.step(tensors(logs(report.run.state.iteration)))


def tensors(values: dict[str, float]) -> Logs:
    return {name: torch.tensor(value) for name, value in values.items()}


def statistics(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def test_a_line_of_statistics_averages_the_iterations_since_the_last(tmp_path):
    report = Report(tmp_path, run_of(), every=4)
    count_up(report, 8)
    assert [line["d"] for line in statistics(tmp_path)] == [(1 + 2 + 3 + 4) / 4, (5 + 6 + 7 + 8) / 4]
    assert [line["iteration"] for line in statistics(tmp_path)] == [4, 8]


def test_what_is_logged_now_and_then_is_averaged_over_these_times(tmp_path):
    report = Report(tmp_path, run_of(), every=4)
    count_up(report, 8, lambda i: {"d": 1.0} | ({"r1": float(i)} if i in (1, 3) else {}))
    first, second = statistics(tmp_path)
    assert first["r1"] == 2
    assert "r1" not in second


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite_spoils_no_average(tmp_path, broken):
    report = Report(tmp_path, run_of(), every=4)
    count_up(report, 8, lambda i: {"d": broken if i % 2 or i > 4 else float(i), "g": 1.0})
    first, second = statistics(tmp_path)
    assert first["d"] == (2 + 4) / 2
    assert "d" not in second and second["g"] == 1


def test_a_line_tells_images_epochs_time_and_memory(tmp_path):
    report = Report(tmp_path, run_of(), every=5)
    count_up(report, 5)
    (line,) = statistics(tmp_path)
    assert (line["kimg"], line["epoch"]) == (5 * 8 / 1000, 5 * 8 / 20)
    assert set(line) >= TIMING
    assert all(line[name] >= 0 for name in TIMING)
    assert "p" not in line


def test_a_line_tells_the_figures_of_its_end(tmp_path):
    report = Report(tmp_path, run_of(p=0.25), every=1)
    count_up(report, 1)
    assert statistics(tmp_path)[0]["p"] == 0.25


def test_the_last_iterations_get_a_line_when_the_run_ends(tmp_path):
    report = Report(tmp_path, run_of(), every=4)
    count_up(report, 6)
    report.close()
    assert [(line["iteration"], line["d"]) for line in statistics(tmp_path)] == [(4, 2.5), (6, 5.5)]
    assert (tmp_path / "loss.png").exists()
    assert not (tmp_path / "progress.gif").exists()  # no samples


def without_timing(folder) -> list[dict]:
    return [{name: value for name, value in line.items() if name not in TIMING} for line in statistics(folder)]


@pytest.mark.parametrize("lost", [0, 4], ids=["stopped", "killed"])
def test_a_resumed_report_writes_the_lines_of_an_uninterrupted_one(tmp_path, lost):
    whole = Report(tmp_path / "whole", run_of(), every=4)
    count_up(whole, 12)
    parts = Report(tmp_path / "parts", run_of(), every=4)
    count_up(parts, 6)
    saved = json.loads(json.dumps(parts.state_dict()))  # as plain as a checkpoint needs it
    count_up(parts, lost)  # after the checkpoint
    parts.close()
    resumed = Report(tmp_path / "parts", run_of(iteration=6), every=4)
    resumed.load_state_dict(saved)
    count_up(resumed, 6)
    assert without_timing(tmp_path / "parts") == without_timing(tmp_path / "whole")
    assert len(statistics(tmp_path / "parts")) == 3


def test_resuming_takes_back_samples_from_after_the_checkpoint(tmp_path):
    report = Report(tmp_path, run_of())
    for iteration in (0, 5, 10):
        report.run.state.iteration = iteration
        report.sample()
    Report(tmp_path, run_of(iteration=5)).load_state_dict({"sums": {}, "counts": {}})
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["000000.png", "000005.png"]


def test_a_line_cut_short_by_a_kill_does_not_prevent_a_resume(tmp_path):
    count_up(Report(tmp_path, run_of(), every=2), 4)
    whole = (tmp_path / "stats.jsonl").read_text()
    (tmp_path / "stats.jsonl").write_text(whole + '{"iteration": 6, "d": 0.')
    Report(tmp_path, run_of(iteration=4), every=2).load_state_dict({"sums": {}, "counts": {}})
    assert (tmp_path / "stats.jsonl").read_text() == whole


def test_options_log_and_sample_are_written(tmp_path, capsys):
    report = Report(tmp_path / "new" / "run", run_of(iteration=7))
    folder = tmp_path / "new" / "run"
    report.say("hello")
    report.say("again")
    report.run.state.picture = Image.new("RGB", (4, 4), (1, 2, 3))
    report.sample()
    assert (folder / "log.txt").read_text() == "hello\nagain\n"
    assert capsys.readouterr().out == "hello\nagain\n"
    assert json.loads((folder / "options.json").read_text()) == {"lr": 0.002}
    with Image.open(folder / "samples" / "000007.png") as sample:
        assert (sample.getpixel((0, 0)), sample.text) == ((1, 2, 3), {"iteration": "7"})


def test_loggers_get_each_line_and_each_sheet_and_the_end(tmp_path, monkeypatch):
    class Logger:
        got = ()

        def __init__(self, folder, options, mode):
            Logger.got = [(folder, options)]

        def numbers(self, iteration, line):
            Logger.got.append((iteration, line["d"]))

        def picture(self, iteration, picture):
            Logger.got.append((iteration, picture.size))

        def close(self):
            Logger.got.append("closed")

    monkeypatch.setitem(loggers.KINDS, "wandb", Logger)
    run = run_of()
    run.args.wandb = "online"
    report = Report(tmp_path, run, every=2)
    run.state.picture = Image.new("RGB", (4, 5))
    report.sample()
    count_up(report, 5)
    run.state.picture = Image.new("RGB", (6, 7))
    report.sample()
    report.close()
    assert Logger.got == [(tmp_path, {"lr": 0.002}), (0, (4, 5)), (2, 1.5), (4, 3.5), (5, (6, 7)), (5, 5.0), "closed"]


@pytest.mark.parametrize("n_sample, across", [(4, 2), (9, 3), (64, 4), (1, 1)])
def test_reals_are_the_first_images_of_the_data_set(tmp_path, n_sample, across):
    report = Report(tmp_path, run := run_of())
    run.args.n_sample = n_sample
    report.show_reals()
    with Image.open(tmp_path / "reals.png") as reals:
        assert reals.width == across * 130 + 2
        shown = min(n_sample, 20)
        for i in range(shown):
            assert reals.getpixel((60 + 130 * (i % across), 60 + 130 * (i // across))) == (10 * i,) * 3


def test_a_quiet_report_counts_and_writes_nothing(tmp_path, capsys):
    report = Report(tmp_path / "run", run_of(), quiet=True, every=2)
    report.say("hello")
    report.sample()
    report.show_reals()
    count_up(report, 3)
    report.load_state_dict({"sums": {"d": 1.0}, "counts": {"d": 1}})
    assert report.state_dict() == {"sums": {"d": 1.0}, "counts": {"d": 1}}
    report.close()
    assert not (tmp_path / "run").exists()
    assert capsys.readouterr().out == ""


def test_a_sample_that_cannot_be_written_does_not_stop_a_run(tmp_path, monkeypatch):
    report = Report(tmp_path, run_of())
    monkeypatch.setattr("utils.save_png", failing)
    report.sample()


def test_a_full_disk_does_not_stop_a_run_and_is_said_once(tmp_path, capsys):
    """A limit on the size of files stands in for it: statistics, log, samples and charts all fail at their write."""
    report = Report(tmp_path, run_of(), every=2)
    count_up(report, 4)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        count_up(report, 4)
        report.say("a word")
        report.sample()
        report.show_reals()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = capsys.readouterr()
    assert "a word" in said.out  # on the console, still
    assert said.err.count("warning: ") == 1 and "File too large" in said.err
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert [path for path in tmp_path.rglob("*.p*") if path.name != "options.json"] == []
    count_up(report, 2)  # there is room again
    report.close()
    assert [line["iteration"] for line in statistics(tmp_path)] == [2, 4, 10]


def failing(*_, **__):
    raise OSError(28, "No space left on device")


def test_what_the_run_watches_for_is_said_with_its_iteration(tmp_path, capsys):
    run = run_of()
    run.watch = lambda folder: lambda line: [f"{folder.name} has d {line['d']:g}"] if line["d"] > 1 else []
    count_up(Report(tmp_path / "here", run, every=1), 2)
    assert capsys.readouterr().out.splitlines() == ["warning at iteration 2: here has d 2"]


def test_losses_beyond_the_usual_ones_are_named_so_that_charts_show_them(tmp_path):
    report = Report(tmp_path, run_of(), every=1)
    count_up(report, 2, lambda i: {"d": 1.0, "anchor_w": 0.5, Statistic("real_score"): 3.0})
    report.close()
    assert [line["terms"] for line in statistics(tmp_path)] == [["anchor_w"]] * 2


def test_a_printed_line_tells_the_speed_since_the_printed_line_before(tmp_path, capsys, monkeypatch):
    """A slow part of a hundred iterations shows, wherever it lies; a run that goes on counts from where it begins."""
    now = [0.0]
    monkeypatch.setattr("running.report.time.monotonic", lambda: now[0])
    report = Report(tmp_path, run_of(iteration=50))
    for iterations, seconds in ((10, 0.8), (40, 0.08), (60, 0.08), (40, 1.6), (5, 0.4)):
        for _ in range(iterations):
            now[0] += seconds
            count_up(report, 1)
    report.close()
    printed = [line for line in capsys.readouterr().out.splitlines() if "s/kimg" in line]
    assert [line.split(":")[0] for line in printed] == ["100", "200", "205"]
    expected = [(10 * 0.8 + 40 * 0.08) / 50 / 0.008, (60 * 0.08 + 40 * 1.6) / 100 / 0.008, 0.4 / 0.008]
    assert [float(line.rpartition(", ")[2].removesuffix(" s/kimg")) for line in printed] == pytest.approx(expected, abs=0.05)
    by_ten = [line["sec_per_kimg"] for line in statistics(tmp_path)]
    assert by_ten == pytest.approx([100] + [10] * 10 + [200] * 4 + [50])


def test_what_is_saved_of_a_line_are_plain_names(tmp_path):
    report = Report(tmp_path, run_of(), every=4)
    count_up(report, 2, lambda i: {"d": 1.0, Statistic("real_score"): 3.0})
    assert [type(name) for part in report.state_dict().values() for name in part] == [str] * 4
