"""Directions on the page: found, named, kept in their file, and swinging."""

from pathlib import Path

import pytest

from editing.directions import read_directions
from tests.explorer.served import data_of, typed, written_by

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(page):
    page.get_by_role("tab", name="Directions", exact=True).click()
    return page


def opened(tab, name: str):
    if not tab.locator(f"#{name} .label-wrap.open").count():
        tab.get_by_text("Names" if name == "names" else "Sweep", exact=True).click()


def label(tab, slot: int) -> str:
    return tab.inner_text(f"#degree{slot} label span")


def test_a_name_is_kept_in_the_file_for_everybody(tab, visit, folder):
    opened(tab, "names")
    typed(tab, "#name textarea, #name input", "tilt of the head")
    tab.click("#rename")
    tab.wait_for_function("document.querySelector('#degree0 label span').textContent.includes('tilt of the head')")
    (file,) = (folder / "explored").glob("sefa-*.pt")
    assert read_directions(file).names[0] != "tilt of the head"
    tab.click("#save")
    tab.get_by_text("1 new names are in").wait_for()
    assert read_directions(file).names[0] == "tilt of the head"
    other = visit()
    other.get_by_role("tab", name="Directions", exact=True).click()
    other.wait_for_function("document.querySelector('#degree0 label span').textContent.includes('tilt of the head')")


@pytest.mark.parametrize("name", ["7", "a,b", "a=b", "  "])
def test_a_name_that_commands_could_not_be_told_is_refused(tab, name):
    opened(tab, "names")
    typed(tab, "#name textarea, #name input", name)
    tab.click("#rename")
    tab.locator("#directions-said .x-warning").wait_for()
    assert name.strip() == "" or label(tab, 0) != name


def test_ganspace_is_found_and_kept(tab, folder):
    tab.click("#ganspace")
    tab.get_by_text("in standard deviations").wait_for()
    tab.wait_for_function("document.querySelector('#degree0 label span').textContent.includes('ganspace')")
    (file,) = (folder / "explored").glob("ganspace-*.pt")
    assert read_directions(file).method == "ganspace"


def test_a_slider_swings_as_the_command_lets_it(tab, tmp_path):
    tab.focus("#degree2 input[type=range]")
    for _ in range(15):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.querySelector('.x-words').textContent.includes('1 edits')")
    opened(tab, "sweeps")
    tab.click("#sweep")
    tab.locator("#film img").wait_for()
    film = data_of(tab.get_attribute("#film img", "src"))
    line = tab.inner_text("#film code")
    assert ":2=1.5" in line
    written_by(line, tmp_path, "command.txt")
    (written,) = tmp_path.glob("*.webp")
    assert written.read_bytes() == film
    with tab.expect_download() as saved:
        tab.locator("#film a").click()
    assert Path(saved.value.path()).read_bytes() == film
