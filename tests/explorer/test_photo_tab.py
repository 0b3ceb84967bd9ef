"""Photos on the page: chosen, cut, searched, stopped, saved; and what is refused."""

import io
import urllib.error
import urllib.request

import pytest
import torch
from PIL import Image

from editing.latents import read_latents
from explorer import lines
from tests.explorer.served import CARTOON, ROOT, data_of, typed, written_by

pytestmark = pytest.mark.browser
STEPS = 20
PERSON = ROOT / "demo" / "people" / "P004.jpg"


@pytest.fixture
def tab(page):
    page.get_by_role("tab", name="Photo", exact=True).click()
    typed(page, "#steps input[type=number]", str(STEPS))
    page.keyboard.press("Tab")
    return page


def choose(tab, path=PERSON):
    tab.set_input_files("#upload input[type=file]", path)


def cut_out(tab) -> bytes:
    return data_of(tab.get_attribute("#outline img:last-child", "src"))


def made(tab) -> dict[str, bytes]:
    """The three pictures of a search."""
    tab.click("#go")
    tab.locator("#result img").nth(2).wait_for()
    sources = [image.get_attribute("src") for image in tab.locator("#result img").all()]
    return dict(zip(("photo", "projected", "cartoon"), map(data_of, sources)))


def command(tab) -> str:
    return tab.locator("#result code").inner_text()


def here(line: str) -> str:
    """The line, where the photo lies elsewhere."""
    return line.replace(f" {PERSON.name}", f" {PERSON}", 1)


def refused(tab) -> str:
    tab.locator("#progress .x-warning").wait_for()
    return tab.inner_text("#progress")


def test_a_photo_becomes_the_cartoon_that_the_command_makes(tab, tmp_path):
    choose(tab)
    tab.locator("#outline img").first.wait_for()
    pictures = made(tab)
    for row, png in pictures.items():
        assert written_by(here(command(tab)), tmp_path / row, f"P004-{row}.png") == png
    with tab.expect_download() as saved:
        tab.locator("#result figure a").nth(2).click()
    assert saved.value.path().read_bytes() == pictures["cartoon"] and saved.value.suggested_filename == "P004-cartoon.png"
    with tab.expect_download() as saved:
        tab.get_by_text("latent (.pt)").click()
    ours, theirs = (read_latents(path) for path in (saved.value.path(), tmp_path / "cartoon" / "latents.pt"))
    assert torch.equal(ours.latent, theirs.latent) and (ours.space, ours.ckpt) == (theirs.space, theirs.ckpt)


def test_a_square_that_was_moved_is_cut_by_the_command_as_well(tab, tmp_path):
    tab.locator("#people button").first.click()
    tab.locator("#outline img").first.wait_for()
    before = cut_out(tab)
    tab.get_by_text("The square", exact=True).click()
    for name, times in {"crop-right": 6, "crop-larger": -10, "crop-turn": 9}.items():
        tab.focus(f"#{name} input[type=range]")
        for _ in range(abs(times)):
            tab.keyboard.press("ArrowRight" if times > 0 else "ArrowLeft")
        tab.wait_for_timeout(500)
    assert cut_out(tab) != before
    pictures = made(tab)
    assert "--eyes" in command(tab)
    assert written_by(here(command(tab)), tmp_path, "P004-cartoon.png") == pictures["cartoon"]


def test_the_person_of_a_photo_can_be_moved(tab, tmp_path):
    choose(tab)
    tab.locator("#outline img").first.wait_for()
    pictures = made(tab)
    tab.click("#use")
    tab.wait_for_function("document.querySelector('.x-words').textContent.includes('the photo')")
    pixels = [
        Image.open(io.BytesIO(png)).convert("RGB").tobytes()
        for png in (data_of(tab.get_attribute(CARTOON, "src")), pictures["cartoon"])
    ]
    assert pixels[0] == pixels[1]
    assert tab.get_by_role("tab", name="Face", exact=True).get_attribute("aria-selected") == "true"
    tab.locator("#pictures summary").nth(1).click()
    line = tab.locator("#pictures details code").nth(1).inner_text()
    assert written_by(line, tmp_path, "P004.png") == data_of(tab.get_attribute(CARTOON, "src"))
    tab.get_by_label("a seed", exact=True).first.check()
    tab.wait_for_function("document.querySelector('.x-words').textContent.includes('person 0')")


def test_a_search_can_be_stopped_and_begun_again(tab):
    choose(tab)
    tab.locator("#outline img").first.wait_for()
    typed(tab, "#steps input[type=number]", "1000")
    tab.keyboard.press("Tab")
    tab.click("#go")
    tab.locator("#progress progress").wait_for()
    tab.click("#stop")
    assert "stopped after" in refused(tab)
    typed(tab, "#steps input[type=number]", "20")
    tab.keyboard.press("Tab")
    assert len(made(tab)) == 3


def picture(*size: int) -> bytes:
    data = io.BytesIO()
    Image.new("L", size).save(data, "PNG")
    return data.getvalue()


UPLOADS = {
    "notes.txt": (lambda: b"no picture, but words " * 100, "notes.txt"),
    "text.jpg": (lambda: b"no picture, but words " * 100, "text.jpg"),
    "huge.png": (lambda: picture(9000, 9000), "pixels"),
    "empty.png": (lambda: b"", "empty"),
    "cut.jpg": (lambda: PERSON.read_bytes()[:2000], "cut.jpg"),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_what_is_no_photo_is_refused_in_words(tab, tmp_path, name):
    data, said = UPLOADS[name]
    (tmp_path / name).write_bytes(data())
    choose(tab, tmp_path / name)
    assert said in refused(tab)
    assert tab.locator("#go").is_disabled() or tab.locator("#go button").is_disabled()


def test_a_photo_of_12_mb_is_refused_by_the_server_too(address):
    """Whoever talks to it without the page."""
    body = b"--x\r\nContent-Disposition: form-data; name=files; filename=a.png\r\n\r\n" + bytes(12 * 2**20) + b"\r\n--x--\r\n"
    asked = urllib.request.Request(address + "/gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"})
    with pytest.raises((urllib.error.HTTPError, ConnectionError)) as refusal:
        urllib.request.urlopen(asked)
    assert not isinstance(refusal.value, urllib.error.HTTPError) or 400 <= refusal.value.code < 500


def test_a_photo_of_12_mb_is_refused_in_words(visit, tmp_path):
    page = visit()
    page.get_by_role("tab", name="Photo", exact=True).click()
    (tmp_path / "large.png").write_bytes(PERSON.read_bytes() + bytes(12 * 2**20))
    choose(page, tmp_path / "large.png")
    page.locator("#refused:not(:empty)").wait_for()
    assert "has 12." in page.inner_text("#refused") and "may have 10 MB" in page.inner_text("#refused")
    assert page.locator("#outline img").count() == 0


def test_nothing_of_an_upload_stays_on_the_disk(tab, folder):
    choose(tab)
    tab.locator("#outline img").first.wait_for()
    assert not [path for path in (folder / "uploads").rglob("*") if path.is_file() and path.stat().st_size]


def test_a_landscape_has_no_face_and_its_middle_is_taken(tab, tmp_path):
    Image.new("RGB", (320, 200), (120, 180, 90)).save(tmp_path / "meadow.png")
    choose(tab, tmp_path / "meadow.png")
    assert "No face" in refused(tab)
    tab.locator("#outline img").first.wait_for()
    assert len(made(tab)) == 3 and "--eyes" in command(tab)


def test_the_line_of_a_photo_is_quoted():
    line = lines.photo("it's me.jpg", "-3.0,1.0,2.0,1.0", 20, {"source": "a b.pt", "cartoon": "c.pt"})
    assert "--eyes=-3.0,1.0,2.0,1.0" in line and "'a b.pt'" in line
