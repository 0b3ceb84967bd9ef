"""prepare_data.py: every file stored right or reported, the same whatever the workers, whole or refused after a kill."""

import errno
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import lmdb
import numpy as np
import pytest
from PIL import Image

import prepare_data
from data import build, store
from data.sources import open_source
from data.squares import square
from errors import InputError
from tests.commands import failure
from tests.data.awkward import fill_folder, pictures
from tests.waiting import wait_until

ROOT = Path(prepare_data.__file__).parent


def prepare(*words) -> Path:
    return prepare_data.main(prepare_data.parser().parse_args([str(word) for word in words]))


def contents(path: Path) -> dict[bytes, bytes]:
    """Every key and value, without what tells of the way they were made."""
    with store.environment(path).begin() as transaction:
        return {bytes(key): bytes(value) for key, value in transaction.cursor() if not key.startswith((b"log-", b"plan"))}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def report_of(path: Path) -> dict:
    return json.loads((path / "report.json").read_text())


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """150 files, picture i of grey level i, every 10th of them no picture."""
    folder = tmp_path_factory.mktemp("many") / "in"
    folder.mkdir()
    for i in range(150):
        if i % 10 == 3:
            (folder / f"{i:03d}.png").write_bytes(b"text")
        else:
            Image.new("RGB", (24, 20), (i, i, i)).save(folder / f"{i:03d}.png")
    return folder


@pytest.fixture(scope="module")
def whole(many) -> dict[bytes, bytes]:
    """What an undisturbed run makes of them."""
    return contents(prepare("--out", many.parent / "whole", "--size", "8,16", "--n_worker", 1, many))


def test_every_awkward_file_is_stored_right_or_reported(tmp_path, capsys):
    expected = fill_folder(tmp_path / "kit")
    out = prepare("--out", tmp_path / "out", "--size", 16, "--format", "png", tmp_path / "kit")
    report = report_of(out)
    rejected = {entry["name"]: entry["reason"] for entry in report["rejected"]}
    assert report["seen"] == len(expected) == report["stored"] + len(rejected)
    assert set(rejected) == {name for name in expected if expected[name]}
    assert f"{len(expected)} seen = {report['stored']} stored + {len(rejected)} rejected" in capsys.readouterr().out
    assert report["names"] == sorted(name for name in expected if not expected[name])
    stored, known = contents(out), pictures()
    for index, name in enumerate(report["names"]):
        if name in known:
            truth = np.asarray(square(Image.fromarray(known[name].picture), 16)).astype(int)
            assert np.abs(pixels(stored[store.key(16, index)]) - truth).mean() <= known[name].tolerance, name


def test_indices_are_contiguous_and_do_not_depend_on_the_workers(many, whole, tmp_path):
    assert set(whole) == {store.key(size, i) for size in (8, 16) for i in range(135)} | {b"length", b"format"}
    assert whole[b"length"] == b"135"
    levels = [i for i in range(150) if i % 10 != 3]
    assert [round(pixels(whole[store.key(16, index)]).mean()) for index in range(135)] == levels
    assert contents(prepare("--out", tmp_path / "out", "--size", "8,16", "--n_worker", 3, many)) == whole


def test_enlarged_pictures_are_counted(many, tmp_path, capsys):
    out = prepare("--out", tmp_path / "out", "--size", "20,22", many)  # they are 24 x 20
    assert report_of(out)["enlarged"] == {"22": 135}
    assert "135 enlarged to 22 px" in capsys.readouterr().out


def test_png_and_options_reach_the_pictures(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(pictures()["alpha.png"].data)
    out = prepare("--out", tmp_path / "png", "--size", 32, "--format=png", "--background=#102030", tmp_path / "in")
    tile = pixels(contents(out)[store.key(32, 0)])
    assert tile[16, 31].tolist() == [0x10, 0x20, 0x30]
    sizes = []
    for quality in (10, 100):
        out = prepare("--out", tmp_path / str(quality), "--size", 32, "--format=jpeg", "--quality", quality, tmp_path / "in")
        sizes.append(len(contents(out)[store.key(32, 0)]))
    assert sizes[0] < sizes[1]
    with pytest.raises(InputError, match=r"none of 1 files could be stored, 'a.png' for instance: 48 x 32 is over the limit"):
        prepare("--out", tmp_path / "none", "--max_pixels", 1000, tmp_path / "in")
    assert not (tmp_path / "none").exists() and not (tmp_path / "none.partial").exists()


def test_strict_stores_and_then_fails(many, tmp_path):
    with pytest.raises(InputError, match="15 files rejected"):
        prepare("--out", tmp_path / "out", "--size", 8, "--strict", many)
    assert store.length(tmp_path / "out") == 135


# An existing --out


def test_finished_data_set_is_left_alone_when_nothing_changed(many, tmp_path, capsys):
    out = prepare("--out", tmp_path / "out", "--size", 8, many)
    before = (out / "data.mdb").stat()
    assert prepare("--out", out, "--size", 8, "--n_worker", 2, many) == out
    assert "complete already" in capsys.readouterr().out
    after = (out / "data.mdb").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_finished_data_set_is_replaced_only_when_asked(many, tmp_path):
    out = prepare("--out", tmp_path / "out", "--size", 8, many)
    with pytest.raises(InputError, match="--overwrite replaces it"):
        prepare("--out", out, "--size", 16, many)
    assert store.sizes(out) == [8]
    prepare("--out", out, "--size", 16, "--overwrite", many)
    assert store.sizes(out) == [16]
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("existing", ["file", "folder with a file", "data set with another file"])
@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_what_is_not_ours_is_never_replaced(existing, overwrite, many, tmp_path):
    out = tmp_path / "out"
    if existing == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        if existing == "data set with another file":
            (out / "data.mdb").write_bytes(b"")
    with pytest.raises(InputError, match=f"^{out}: exists and is not a data set alone"):
        prepare("--out", out, "--size", 8, *overwrite, many)
    assert (out if existing == "file" else out / "mine.txt").read_text() == "mine"


def test_out_inside_the_input_is_refused(many):
    with pytest.raises(InputError, match="lies inside"):
        prepare("--out", many / "lmdb", many)


# Kills, and disks


KILLED_IN = """
import os, signal, sys
import cli, prepare_data
from data import build

left = [int(sys.argv.pop(1))]

def commit(self, ordinary=build.Build._commit):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    ordinary(self)

build.Build._commit = commit
cli.run(prepare_data.main, prepare_data.parser())
"""  # the commit of this number


def started(many: Path, out: Path, killed_in: int = 0) -> subprocess.Popen:
    program = ["-c", KILLED_IN, str(killed_in)] if killed_in else ["prepare_data.py"]
    command = [sys.executable, *program, "--out", out, "--size", "8,16", "--n_worker", "1", many]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_kill_at_any_instant_leaves_a_whole_data_set_or_a_refused_one_that_a_rerun_finishes(many, whole, tmp_path):
    """In a first, a middle and a last commit, each run going on where that before it was killed, and three times at random."""
    chance = random.Random(0)
    out = tmp_path / "out"
    for commit in (1, 3, 2, 0, 0, 0):
        shutil.rmtree(out, ignore_errors=True)
        process = started(many, out, commit)
        if not commit:
            wait_until(lambda process=process: (tmp_path / "out.partial").exists() or process.poll() is not None)
            time.sleep(chance.uniform(0, 0.5))
            process.send_signal(signal.SIGKILL)
        assert process.wait() in (0, -signal.SIGKILL)
        if out.exists():
            assert contents(out) == whole and not commit
        else:
            ask = f"from data import store; from pathlib import Path; store.length(Path({str(tmp_path / 'out.partial')!r}))"
            asked = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True)
            assert "InputError: " in asked.stderr and "prepare_data.py" in asked.stderr
    assert contents(prepare("--out", out, "--size", "8,16", many)) == whole
    assert os.listdir(tmp_path) == ["out"]


class Stop(BaseException):
    """Stands for a kill at a chosen step; like one, it skips all that a program does after an error."""


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6, 7])
def test_stop_between_any_two_steps_is_made_good_by_a_rerun(step, many, whole, tmp_path, monkeypatch):
    out = tmp_path / "out"
    prepare("--out", out, "--size", 8, many)  # an older one, to be replaced
    old = contents(out)
    calls = iter(range(1, 100))

    def before(function):
        def stopping(*args):
            if next(calls) == step:
                raise Stop
            return function(*args)

        return stopping

    with monkeypatch.context() as patched, pytest.raises(Stop):
        patched.setattr(build.Build, "_commit", before(build.Build._commit))  # 4 of these
        patched.setattr(build.os, "rename", before(os.rename))  # 2
        patched.setattr(build, "flush_folder", before(build.flush_folder))
        prepare("--out", out, "--size", "8,16", "--overwrite", many)
    assert not out.exists() or contents(out) in (old, whole)
    assert contents(prepare("--out", out, "--size", "8,16", "--overwrite", many)) == whole
    assert os.listdir(tmp_path) == ["out"]


def test_rerun_goes_on_where_the_last_commit_was(many, whole, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patched, pytest.raises(Stop):
        commits = iter([None, None, Stop])
        commit = build.Build._commit

        def stop_at_third(self):
            if next(commits) is Stop:
                raise Stop
            commit(self)

        patched.setattr(build.Build, "_commit", stop_at_third)
        prepare("--out", tmp_path / "out", "--size", "8,16", many)
    capsys.readouterr()
    assert contents(prepare("--out", tmp_path / "out", "--size", "8,16", many)) == whole
    assert "going on after 128 of 150 files" in capsys.readouterr().out


def test_partial_of_other_options_is_kept_until_it_may_be_replaced(many, whole, tmp_path):
    partial = tmp_path / "out.partial"
    with build.Build(tmp_path / "out", "another plan") as begun:
        begun.add({"name": "x", "notes": [], "enlarged": []}, {8: b"x"})
        begun._commit()
    assert partial.exists()
    with pytest.raises(InputError, match=r"out\.partial: unfinished, begun of other files; .* --overwrite begins anew"):
        prepare("--out", tmp_path / "out", "--size", "8,16", many)
    assert contents(prepare("--out", tmp_path / "out", "--size", "8,16", "--overwrite", many)) == whole


def test_a_run_cannot_go_on_with_another_crop(many, tmp_path, monkeypatch):
    words = ["--out", tmp_path / "out", "--size", 8, many]
    with monkeypatch.context() as patched, pytest.raises(Stop):
        commits = iter([None, Stop])
        commit = build.Build._commit
        patched.setattr(build.Build, "_commit", lambda self: commit(self) if next(commits) is None else _stop())
        prepare("--crop", "top", *words)
    with pytest.raises(InputError, match=r"unfinished, begun with --crop top; the same command"):
        prepare("--crop", "pad", *words)
    out = prepare("--crop", "top", *words)
    with pytest.raises(InputError, match=r"exists, made with --crop top; --overwrite replaces it"):
        prepare("--crop", "pad", *words)
    assert report_of(out)["options"]["crop"] == "top"


def _stop():
    raise Stop


def test_a_data_set_of_an_earlier_version_is_complete(many, tmp_path, capsys):
    """Its plan knew no crop, and its defaults were JPEG of quality 100 and 64 megapixels."""
    words = ["--out", tmp_path / "out", "--size", 8, many]
    plan = json.loads(prepare_data.plan_for(open_source(many), prepare_data.parser().parse_args([str(word) for word in words])))
    earlier = {
        name: plan[name] for name in ("layout", "input", "size", "resample", "format", "quality", "background", "max_pixels")
    }
    earlier |= {"format": "jpeg", "quality": 100, "max_pixels": 64_000_000}
    with build.Build(tmp_path / "out", json.dumps(earlier)) as begun:
        begun.add({"name": "x", "notes": [], "enlarged": []}, {8: b"x"})
        begun._commit()
    with pytest.raises(InputError, match="unfinished, begun by an earlier version; "):
        prepare(*words)
    with build.Build(tmp_path / "out", json.dumps(earlier)) as begun:
        begun.finish({"seen": 1, "stored": 1, "rejected": [], "enlarged": {}, "notes": {}})
    assert prepare(*words) == tmp_path / "out"
    said = capsys.readouterr().out
    assert "complete already" in said and "an earlier version" in said and "1 seen = 1 stored" in said
    with pytest.raises(InputError, match=r"made by an earlier version, with --size 8; --overwrite"):
        prepare(*words[:2], "--size", 16, many)


def test_flat_drawings_are_stored_exactly_and_the_reference_can_read_them(tmp_path):
    """By its own way: the keys, and Image.open on the bytes."""
    (tmp_path / "in").mkdir()
    lips = Image.new("RGB", (64, 64), (250, 220, 200))
    lips.paste((200, 20, 30), (27, 41, 38, 44))
    lips.save(tmp_path / "in" / "a.png")
    worst = {}
    for kind in prepare_data.ENCODINGS:
        out = prepare("--out", tmp_path / kind, "--size", 64, "--format", kind, tmp_path / "in")
        with lmdb.open(str(out), readonly=True, lock=False) as environment, environment.begin() as transaction:
            assert int(transaction.get(b"length").decode("utf-8")) == 1
            data = transaction.get(f"64-{str(0).zfill(5)}".encode())
        image = Image.open(io.BytesIO(data))
        assert image.mode == "RGB"
        worst[kind] = np.abs(np.asarray(image).astype(int) - np.asarray(lips)).max()
    assert worst["webp"] == worst["png"] == 0 and worst["jpeg"] <= 4 < 20 < worst["jpeg420"]
    assert prepare_data.parser().get_default("format") == "webp"


def test_pictures_that_lose_or_blur_much_are_counted(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for name, size in {"tall": (40, 100), "sliver": (2000, 1), "tiny": (3, 3), "good": (40, 50), ".DS_Store": (4, 4)}.items():
        Image.new("RGB", size).save(tmp_path / "in" / name, "PNG")
    out = prepare("--out", tmp_path / "centre", "--size", 16, tmp_path / "in")
    closing = capsys.readouterr().out.splitlines()[-1]
    assert "2 keep less than two thirds of the picture, 2 enlarged more than 4 times: report.json names them" in closing
    assert "1 hidden or system file passed over (.DS_Store)" in closing
    assert report_of(out)["look at"] == ["sliver", "tall", "tiny"]
    prepare("--out", tmp_path / "pad", "--size", 16, "--crop", "pad", tmp_path / "in")
    closing = capsys.readouterr().out.splitlines()[-1]
    assert "two thirds" not in closing and "1 enlarged more than 4 times" in closing


def test_damaged_partial_is_begun_anew(many, whole, tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "data.mdb").write_bytes(b"\0" * 9999)
    assert contents(prepare("--out", tmp_path / "out", "--size", "8,16", many)) == whole


def test_two_at_once_do_not_mix(many, tmp_path):
    with build.Build(tmp_path / "out", "plan"), pytest.raises(InputError, match="another process is writing it"):
        prepare("--out", tmp_path / "out", "--size", 8, many)


def test_map_grows_by_itself(tmp_path):
    tile = bytes(2**20)
    with build.Build(tmp_path / "out", "plan") as data:
        for i in range(150):  # 150 MiB, the map begins at 64
            data.add({"name": str(i), "notes": [], "enlarged": []}, {8: tile})
        data.finish({})
    assert store.length(tmp_path / "out") == 150
    assert store.read(tmp_path / "out", store.key(8, 149)) == tile


@pytest.mark.parametrize(
    "number, said",
    [
        (None, "mdb_txn_commit: Input/output error"),  # there is room: the disk is broken
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "your share of the disk is full"),
    ],
)
def test_full_disk_is_named_and_the_run_can_go_on(many, whole, tmp_path, monkeypatch, number, said):
    """LMDB calls a write that was cut short an error of input and output; what is wrong shows when a file is to grow."""

    def growing(dir):
        if number:
            raise OSError(number, os.strerror(number))
        return io.BytesIO()

    class Full:
        def __init__(self, environment):
            self._environment = environment

        def begin(self, write=False):
            if write:
                raise lmdb.Error("mdb_txn_commit: Input/output error")
            return self._environment.begin()

        def close(self):
            self._environment.close()

    with monkeypatch.context() as patched:
        opened = build.Build._open
        patched.setattr(build.Build, "_open", lambda self, plan: Full(opened(self, plan)))
        patched.setattr("tempfile.TemporaryFile", growing)
        with pytest.raises(InputError, match=rf"\({said}\).*run again to go on"):
            prepare("--out", tmp_path / "out", "--size", "8,16", many)
    assert contents(prepare("--out", tmp_path / "out", "--size", "8,16", many)) == whole


@pytest.mark.parametrize("room", [10_000, 40_000, 60_000, 80_000])
def test_a_disk_that_fills_up_leaves_no_data_set_and_the_run_can_go_on(many, whole, tmp_path, capsys, room):
    """A limit on the size of files stands in for a full disk: the commit fails at its write."""
    words = ["--out", tmp_path / "out", "--size", "8,16", "--n_worker", 1, many]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        message = failure(capsys, prepare_data, *words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"{tmp_path / 'out.partial'}: cannot be written (the limit on the size of files is reached)" in message
    assert "run again to go on" in message
    assert not (tmp_path / "out").exists()
    assert contents(prepare(*words)) == whole


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_report_that_cannot_be_written_is_named_and_the_run_can_go_on(many, whole, tmp_path, capsys, monkeypatch, number):
    def full(path, *_, **__):
        path.touch()
        raise OSError(number, os.strerror(number))

    words = ["--out", tmp_path / "out", "--size", "8,16", many]
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        message = failure(capsys, prepare_data, *words)
    assert f"{tmp_path / 'out.partial'}: cannot be written ({build.NO_ROOM[number]}); free some space" in message
    assert not (tmp_path / "out").exists()
    assert contents(prepare(*words)) == whole


# The command


def test_published_command_runs_as_printed_and_ends_with_the_path(many, tmp_path):
    command = [sys.executable, ROOT / "prepare_data.py", "--out", "LMDB", "--n_worker", "2", "--size", "8,16", many]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    *named, more, closing, last = done.stdout.splitlines()
    assert [line.split("'")[1] for line in named] == [f"{i:03d}.png" for i in range(3, 100, 10)] and "5 more" in more
    assert last == "LMDB" and closing.startswith("150 seen = 135 stored + 15 rejected (15 not an image")
    assert store.sizes(tmp_path / "LMDB") == [8, 16] and store.length(tmp_path / "LMDB") == 135


def test_command_never_imports_torch(many, tmp_path):
    code = f"""if __name__ == "__main__":
        import sys, prepare_data
        prepare_data.main(prepare_data.parser().parse_args(["--out", {str(tmp_path / "out")!r}, "--size", "8", {str(many)!r}]))
        sys.exit("torch" in sys.modules)"""
    script = tmp_path / "script.py"
    script.write_text(code)
    subprocess.run([sys.executable, script], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "64,x"], "--size: 'x' is not a whole number"),
        (["--size", "0"], "--size: 0: must be at least 4"),
        (["--background", "blurple"], "--background: blurple: no colour"),
        (["--max_pixels", "many"], "--max_pixels: 'many' is not a number"),
    ],
)
def test_wrong_values_name_the_flag(words, message, many, tmp_path, capsys):
    with pytest.raises(SystemExit):
        prepare("--out", tmp_path / "out", *words, many)
    assert message in capsys.readouterr().err


def test_film_is_prepared_like_a_folder(tmp_path):
    av = pytest.importorskip("av", reason="films need PyAV")
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 200 if i < 10 else 20, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    out = prepare("--out", tmp_path / "out", "--size", 16, "--scene_frames", 2, tmp_path / "film.mp4")
    means = [pixels(contents(out)[store.key(16, i)]).mean() for i in range(4)]
    assert store.length(out) == 4 == len(open_source(tmp_path / "film.mp4", scene_frames=2).items)
    assert np.abs(np.array(means) - [200, 200, 20, 20]).max() < 8
