"""How the threads wait is decided before torch is there; what the user has set stays."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import threads

ROOT = Path(__file__).parent.parent
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def written(root: Path, folder: str, **files: str) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / folder / name.replace("__", ".")).write_text(text)


def shown(program: str, **given: str) -> subprocess.CompletedProcess:
    """A fresh process without settings of ours, but for those given."""
    bare = {name: value for name, value in os.environ.items() if name not in (*WAITING, "OMP_NUM_THREADS")}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=bare | given, capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize("name", WAITING)
def test_how_the_user_lets_threads_wait_stays(name):
    assert threads.environment({name: "anything"}, 4, math.inf) == {}


def test_threads_are_as_many_as_the_container_grants():
    assert threads.environment({}, 8, 2.0)["OMP_NUM_THREADS"] == "2"
    assert threads.environment({}, 8, 0.5)["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in threads.environment({"OMP_NUM_THREADS": "5"}, 8, 2.0)


def test_without_a_limit_their_number_is_left_to_the_library():
    """It counts the processors that the process may run on by itself."""
    assert "OMP_NUM_THREADS" not in threads.environment({}, 8, math.inf)
    assert "OMP_NUM_THREADS" not in threads.environment({}, 8, 8.0)


@pytest.mark.parametrize(
    "groups, files, quota",
    [
        ("0::/\n", {"": {"cpu__max": "150000 100000\n"}}, 1.5),
        ("0::/\n", {"": {"cpu__max": "max 100000\n"}}, math.inf),
        ("0::/a/b\n", {"a": {"cpu__max": "200000 100000\n"}, "a/b": {"cpu__max": "max 100000\n"}}, 2),
        ("0::/a/b\n", {"a": {"cpu__max": "200000 100000\n"}, "a/b": {"cpu__max": "50000 100000\n"}}, 0.5),
        ("3:cpu,cpuacct:/a\n0::/\n", {"cpu/a": {"cpu__cfs_quota_us": "300000\n", "cpu__cfs_period_us": "100000\n"}}, 3),
        ("3:cpu:/\n0::/\n", {"cpu": {"cpu__cfs_quota_us": "-1\n", "cpu__cfs_period_us": "100000\n"}}, math.inf),
        ("3:cpuset:/\n", {}, math.inf),
        ("0::/gone\n", {}, math.inf),
        ("0::/\n", {"": {"cpu__max": "nonsense"}}, math.inf),
    ],
    ids=["limit", "none", "of the parent", "the lower", "version 1", "version 1, none", "no group", "no file", "damaged"],
)
def test_the_quota_is_the_least_on_the_way_up(tmp_path, groups, files, quota):
    for folder, contents in files.items():
        written(tmp_path, folder, **contents)
    assert threads.processor_quota(groups, tmp_path) == quota


def test_granted_is_a_count_that_the_machine_has():
    assert 1 <= threads.granted() <= os.cpu_count()


@pytest.mark.parametrize("chosen, used", [("3", 3), ("5,2", 5), ("", None), (None, None)])
def test_threads_are_those_chosen_or_those_granted(chosen, used, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if chosen is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    assert threads.used() == (used or threads.granted())


def test_the_library_gets_the_setting():
    """GNU's OpenMP tells what it has read when torch loads it."""
    program = "import cli, torch; print(open('/proc/self/maps').read().count('libgomp'))"
    told = shown(program, OMP_DISPLAY_ENV="verbose")
    if told.stdout.strip() == "0":
        pytest.skip("this torch brings another OpenMP library")
    assert f"GOMP_SPINCOUNT = '{threads.SPINS}'" in told.stderr


def test_children_inherit_it():
    child = "import os; print(os.environ['GOMP_SPINCOUNT'])"
    program = f"import subprocess, sys, cli; subprocess.run([sys.executable, '-c', {child!r}])"
    assert shown(program).stdout.strip() == str(threads.SPINS)
    assert shown(program, GOMP_SPINCOUNT="77").stdout.strip() == "77"


def test_the_tests_run_with_it():
    assert set(WAITING) & set(os.environ)


def test_doctor_tells_it():
    assert "threads spin 77 times" in threads.describe({"GOMP_SPINCOUNT": "77"})
    assert "OMP_WAIT_POLICY=passive" in threads.describe({"OMP_WAIT_POLICY": "passive"})
    assert "(OMP_NUM_THREADS=3)" in threads.describe({"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "3"})
