"""Names that every system takes, one for each of several files."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import filenames

DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}


def accepted(name: str) -> bool:
    """By Windows, as Microsoft's "Naming Files, Paths, and Namespaces" has it, and by a zip in UTF-8."""
    plain = name.split(".")[0].rstrip(" ").casefold()
    return bool(
        name
        and not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
        and name[-1] not in " ."
        and plain not in DEVICES
        and len(name.encode()) <= 200
    )


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    st.text()
    | st.sampled_from([*DEVICES]).flatmap(lambda name: st.sampled_from([name, name.upper(), f"{name}.a", f"{name} .a"]))
)
def test_any_name_becomes_one_that_every_system_takes_and_stays_it(name):
    safe = filenames.safe(name)
    assert accepted(safe)
    assert filenames.safe(safe) == safe


@pytest.mark.parametrize(
    "name", ["me", "-d", "Zoë & Jörg #1 100%", "小林 さくら", "IMG_0001.v2.final", "console", "com10", "seed0007"]
)
def test_harmless_names_stay(name):
    assert filenames.safe(name) == name


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=3) | st.sampled_from(["me", "ME", "me?", "me*", "x" * 300, "x" * 301]), max_size=12))
def test_names_of_several_files_are_different_on_systems_that_know_no_capitals(names):
    taken = set()
    found = [filenames.free(name, taken) for name in names]
    assert all(map(accepted, found))
    assert len({name.casefold() for name in found}) == len(names)


def test_a_long_name_is_cut_between_letters():
    assert unicodedata.normalize("NFC", filenames.safe("網" * 200)) == "網" * (filenames.MOST_BYTES // 3)
