"""The page in a real browser, used as a person would."""

import re
import urllib.error
import urllib.request

import pytest

import checkpoint
from benchmarks.page import moved
from editing import sefa
from explorer import html
from explorer.face import Face, Strength
from explorer.studio import Studio
from tests.explorer.served import CARTOON, data_of, typed, written_by

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def studio(files, folder, address):
    """What the page draws with, in this process."""
    paths = dict(zip(("source", "cartoon"), map(str, files)))
    networks = {row: checkpoint.read(path).generator() for row, path in paths.items()}
    (directions,) = (folder / "explored").glob("sefa-*.pt")
    return Studio(networks, paths, {str(directions): sefa.sefa(networks["source"])})


def shown(page, row: str = "cartoon") -> bytes:
    """The picture on the stage."""
    return data_of(page.get_attribute(f'#pictures figure[data-row="{row}"] img', "src"))


def wait_for(page, png: bytes) -> None:
    """Until the stage shows it."""
    page.wait_for_function("([where, src]) => document.querySelector(where).src == src", arg=[CARTOON, html.address(png)])


def after(page, action) -> bytes:
    """The picture that an action brings."""
    before = page.get_attribute(CARTOON, "src")
    action()
    page.wait_for_function("([where, src]) => document.querySelector(where).src != src", arg=[CARTOON, before])
    return shown(page)


def tab(page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def slide(page, name: str, times: int = 1) -> None:
    """By the keyboard, step by step."""
    page.focus(f"#{name} input[type=range]")
    for _ in range(abs(times)):
        page.keyboard.press("ArrowRight" if times > 0 else "ArrowLeft")


def line(page, row: str = "cartoon") -> str:
    """The command of a picture, as its button copies it."""
    details = page.locator("#pictures details").nth(["source", "cartoon"].index(row))
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    details.get_by_role("button", name="Copy the command").click()
    details.get_by_role("button", name="Copied").wait_for()
    return page.evaluate("navigator.clipboard.readText()")


def test_it_opens_on_both_networks_and_says_which(page, studio):
    assert shown(page) == studio.pictures(Face())[1].png
    assert shown(page, "source") == studio.pictures(Face())[0].png
    head = page.inner_text("#top")
    assert "cartoon.pt" in head and "source.pt" in head and "cpu" in head


def test_a_slider_changes_the_picture_and_undo_brings_it_back(page, studio):
    first = shown(page)
    moved = after(page, lambda: slide(page, "psi", -1))
    assert moved == studio.pictures(Face(psi=0.65))[1].png != first
    assert after(page, lambda: page.click("#undo")) == first
    assert page.input_value("#psi input[type=number]") == "0.7"


def test_all_moves_of_one_slider_are_one_step_back(page, studio):
    first = shown(page)
    slide(page, "psi", -8)
    wait_for(page, studio.pictures(Face(psi=0.3))[1].png)
    assert after(page, lambda: page.click("#undo")) == first


def test_of_twenty_quick_moves_the_last_one_stays(page, studio):
    for psi in [value / 20 for value in range(-10, 10)]:
        page.evaluate(
            "value => { const slider = document.querySelector('#psi input[type=range]'); slider.value = value;"
            " slider.dispatchEvent(new Event('input', { bubbles: true })); }",
            psi,
        )
    wait_for(page, studio.pictures(Face(psi=0.45))[1].png)
    page.wait_for_timeout(1000)  # whatever was still under way has come by now
    assert shown(page) == studio.pictures(Face(psi=0.45))[1].png
    assert page.input_value("#psi input[type=number]") == "0.45"


def test_two_browsers_do_not_mix(visit, studio):
    first, second = visit(), visit()
    slide(first, "psi", -4)
    first.keyboard.press("Escape")
    second.click("#next")
    wait_for(second, studio.pictures(Face(seed=1))[1].png)
    slide(second, "psi", 2)
    wait_for(first, studio.pictures(Face(psi=0.5))[1].png)
    wait_for(second, studio.pictures(Face(seed=1, psi=0.8))[1].png)
    assert after(first, lambda: first.click("#undo")) == studio.pictures(Face())[1].png
    assert shown(second) == studio.pictures(Face(seed=1, psi=0.8))[1].png


def test_keys_go_from_person_to_person_but_not_while_one_types(page, studio):
    page.keyboard.press("ArrowRight")
    wait_for(page, studio.pictures(Face(seed=1))[1].png)
    page.keyboard.press("ArrowRight")
    wait_for(page, studio.pictures(Face(seed=2))[1].png)
    page.keyboard.press("ArrowLeft")
    wait_for(page, studio.pictures(Face(seed=1))[1].png)
    page.keyboard.press("z")
    wait_for(page, studio.pictures(Face(seed=2))[1].png)
    assert page.input_value("#seed input") == "2"
    typed(page, "#seed input", "77")
    wait_for(page, studio.pictures(Face(seed=77))[1].png)
    page.press("#seed input", "r")
    page.wait_for_timeout(300)
    assert page.input_value("#seed input") == "77"
    page.keyboard.press("Tab")


def test_anybody_and_what_is_kept(page, studio):
    other = after(page, lambda: page.click("#random"))
    seed = int(page.input_value("#seed input"))
    assert other == studio.pictures(Face(seed=seed))[1].png
    page.click("#favour")
    page.locator("#favourites button").first.wait_for()
    after(page, lambda: page.click("#next"))
    assert after(page, lambda: page.locator("#favourites button").first.click()) == other
    assert page.locator(".x-star").is_visible()
    assert after(page, lambda: page.locator("#history button").first.click()) == studio.pictures(Face())[1].png


def test_noise_and_cutoff(page, studio):
    page.click("#noise input")
    wait_for(page, studio.pictures(Face(noise=False))[1].png)
    slide(page, "cutoff", -2)
    wait_for(page, studio.pictures(Face(noise=False, cutoff=studio.last.n_latent - 2))[1].png)


def test_directions_move_on_their_layers(page, studio):
    tab(page, "Directions")
    (file,) = studio.directions
    slide(page, "degree1", 20)
    wait_for(page, studio.pictures(Face().moved(Strength(file, 1, 1, 2.0)))[1].png)
    typed(page, "#layers1 input", "0-1")
    page.keyboard.press("Enter")
    wait_for(page, studio.pictures(Face().moved(Strength(file, 1, 1, 2.0, "0-1")))[1].png)
    page.click("#reset")
    wait_for(page, studio.pictures(Face())[1].png)
    page.wait_for_function("document.querySelector('#degree1 input[type=number]').value == '0'")


def test_what_is_no_layer_is_said_and_the_picture_stays(page, studio):
    tab(page, "Mix")
    mixed = Face(giver="1", given="coarse")
    assert after(page, lambda: page.get_by_label("a seed", exact=True).last.check()) == studio.pictures(mixed)[1].png
    typed(page, "#own textarea", "0-99")
    page.keyboard.press("Tab")
    page.locator("#said .x-warning").wait_for()
    assert "layers" in page.inner_text("#said")
    assert shown(page) == studio.pictures(mixed)[1].png


def test_the_benchmark_waits_for_the_pictures(page, studio):
    tab(page, "Directions")
    (file,) = studio.directions
    wait = moved(page)
    assert 0 < wait["first"] == wait["last"]  # small pictures need no preview
    assert shown(page) == studio.pictures(Face().moved(Strength(file, 0, 0, 0.1)))[1].png


@pytest.mark.parametrize("row", ["source", "cartoon"])
def test_the_copied_command_writes_the_same_file(page, tmp_path, row):
    typed(page, "#seed input", "4")
    slide(page, "psi", -3)
    slide(page, "cutoff", -1)
    page.click("#noise input")
    tab(page, "Directions")
    slide(page, "degree0", -17)
    slide(page, "degree3", 9)
    tab(page, "Mix")
    page.get_by_label("a seed", exact=True).last.check()
    slide(page, "swap", 1)
    slide(page, "width", 5)
    page.wait_for_function("document.querySelector('.x-words').textContent.includes('swapped at 8 px')")
    page.wait_for_timeout(1000)
    assert written_by(line(page, row), tmp_path, "seed0004.png") == shown(page, row)
    with page.expect_download() as saved:
        page.locator(f'#pictures figure[data-row="{row}"] a').click()
    assert saved.value.path().read_bytes() == shown(page, row)


@pytest.mark.parametrize("width", [390, 1280])
def test_no_width_cuts_anything_off(visit, width):
    page = visit(width=width, height=844)
    for name in ("Face", "Directions", "Mix", "Photo", "Runs"):
        tab(page, name)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = page.evaluate(
            "[...document.querySelectorAll('button, input, img, textarea')].filter(e => e.checkVisibility())"
            ".map(e => [e.outerHTML.slice(0, 80), e.closest('.x-strip') ? 0 : e.getBoundingClientRect().right])"
        )
        assert not [box for box in boxes if box[1] > width + 1]


def test_everything_has_a_name_for_who_hears_the_page(page):
    nameless = """[...document.querySelectorAll('button, input, textarea, img, [role=tab], video')]
      .filter(e => e.checkVisibility() && !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length || e.title
              || e.placeholder || e.getAttribute('alt') != null)).map(e => e.outerHTML)"""
    for name in ("Face", "Directions", "Mix", "Photo", "Runs"):
        tab(page, name)
        page.wait_for_timeout(200)
        assert page.evaluate(nameless) == []


def test_the_keyboard_reaches_every_tab_and_slider(page):
    reached = set()
    page.keyboard.press("Tab")
    for _ in range(60):
        reached.add(page.evaluate("(document.activeElement.closest('[id]:not([id^=range])') || {}).id"))
        page.keyboard.press("Tab")
    assert {"tab-face-button", "tab-photo-button", "seed", "psi", "cutoff", "noise", "next", "undo"} <= reached


def test_a_run_is_seen_as_it_goes_on(page, run):
    tab(page, "Runs")
    page.locator("#report .tiles").wait_for()
    assert re.search(r"10\s*iterations of 500", page.inner_text("#report .tiles"))
    with (run / "stats.jsonl").open("a") as file:
        file.write('{"iteration": 20, "kimg": 0.08, "d": 1.4, "g": 0.8}\n')
    page.wait_for_function("document.querySelector('#report .tiles').textContent.includes('20')")
    assert page.locator("#report img").count() >= 1


PROBES = [
    *("/gradio_api/file=/etc/passwd", "/gradio_api/file=../../../../etc/passwd", "/file=/etc/passwd"),
    *("/gradio_api/file=..%2f..%2f..%2fetc%2fpasswd", "/static/../../../../etc/passwd", "/assets/..%2f..%2f..%2fetc/passwd"),
    *(
        "/gradio_api/file={root}/cli.py",
        "/gradio_api/file=cli.py",
        "/gradio_api/file={source}",
        "/custom_component/../../etc/passwd",
    ),
]


@pytest.mark.parametrize("probe", PROBES)
def test_no_address_leads_to_a_file(address, files, probe):
    from tests.explorer.served import ROOT

    try:
        with urllib.request.urlopen(address + probe.format(root=ROOT, source=files[0])) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        assert error.code in (400, 403, 404, 405)
    else:
        assert b"root:" not in body and b"import" not in body[:2000] and body[:2] != b"PK"


def test_it_answers_this_machine_alone(address):
    import socket

    port = int(address.rpartition(":")[2])
    own = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    for host in {host for host in own if not host.startswith("127.")}:
        with pytest.raises(OSError), socket.create_connection((host, port), timeout=5):
            pass
