"""The tab that makes cartoons of photos: upload, the square of the face, the search with its progress, what came of it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

import filenames
import utils
from checkpoint import fingerprint
from editing import defaults, latents
from editing.cartoon import Person
from editing.defaults import REACH_AT_ONCE, SPACE
from editing.reach import Reach
from errors import InputError
from explorer import html, lines, photo
from explorer.face import Face
from explorer.search import Search, Start
from explorer.visit import Visit
from vision.perceptual import Distance

if TYPE_CHECKING:
    from explorer.page import Explorer

QUICK = {"show_progress": "hidden", "api_visibility": "private"}
ALONE = {"concurrency_id": "photo", "concurrency_limit": 4}  # who waits for a search is told so
LOOKS = 0.25  # seconds between two looks at a search
THUMBNAIL = 112  # pixels
ROWS = {"photo": "the photo", "projected": "as the photo network draws it", "cartoon": "the cartoon"}


@dataclass
class PhotoTab:
    """
    distance: of pictures, for the search
    examples: photos that come along
    encoder:  the file of one, and what begins a search with it; its answer is shown at once
    """

    explorer: Explorer
    distance: Distance
    folder: Path
    examples: list[Path] = field(default_factory=list)
    encoder: tuple[str, Start] | None = None

    def build(self) -> None:
        with gr.Row(equal_height=False):
            with gr.Column(min_width=260):
                # Without file_types: what is no picture is refused by us, in words.
                self.file = gr.File(label="A photo of a person, up to 10 MB", elem_id="upload", height=120)
                gr.HTML('<p id="refused" class="x-refused" role="alert"></p>')
                gr.HTML(html.note("Or one of these, AI-generated people:"))
                self.people = gr.HTML(html.strip(self.thumbnails(), "example photos"), elem_id="people", js_on_load=html.PRESS)
                self.outline = gr.HTML("", elem_id="outline")
                with gr.Accordion("The square", open=False, visible=False, elem_id="crop") as self.crop:
                    self.moves = [
                        gr.Slider(-1, 1, 0, step=0.02, label="to the right", elem_id="crop-right"),
                        gr.Slider(-1, 1, 0, step=0.02, label="down", elem_id="crop-down"),
                        gr.Slider(-2, 2, 0, step=0.02, label="larger", elem_id="crop-larger"),
                        gr.Slider(-45, 45, 0, step=0.5, label="turned, in degrees", elem_id="crop-turn"),
                    ]
            with gr.Column(min_width=260):
                steps = defaults.steps(self.encoder)
                usual = f"of the search; {steps} is what the command takes"
                least = 0 if self.encoder else 20
                self.steps = gr.Slider(least, 1000, steps, step=10, label="Steps", info=usual, elem_id="steps")
                with gr.Row():
                    self.go = gr.Button("Make the cartoon", variant="primary", interactive=False, elem_id="go")
                    self.stop = gr.Button("Stop", interactive=False, elem_id="stop")
                self.progress = gr.HTML("", elem_id="progress")
                self.result = gr.HTML("", elem_id="result")
                self.use = gr.Button("Move this person with the sliders", visible=False, elem_id="use")

    def wire(self, everything: list) -> None:
        visit = self.explorer.visit
        opened = [visit, self.outline, self.crop, *self.moves, self.go, self.progress]
        self.file.upload(self.upload, [visit, self.file], [*opened, self.file], **QUICK)
        self.people.select(self.example, visit, opened, **QUICK)
        moved = [visit, self.outline, self.progress]
        moves = [slider.input for slider in self.moves]
        gr.on(moves, self.move, [visit, *self.moves], moved, trigger_mode="always_last", **QUICK)
        found = [visit, self.progress, self.result, self.go, self.stop, self.use]
        self.go.click(self.find, [visit, self.steps], found, trigger_mode="once", **QUICK, **ALONE)
        self.stop.click(self.cancel, visit, None, **QUICK)
        self.use.click(self.take, [visit, self.explorer.sheet], [*everything, self.explorer.tabs], **QUICK)

    def upload(self, visit: Visit, path: str | None) -> list:
        if path is None:
            return [visit, *[gr.skip()] * 8, gr.skip()]
        try:
            data = Path(path).read_bytes()
        except OSError:  # another browser sent the same photo, and was read just now
            return [visit, *[gr.skip()] * 7, html.note("please send it again", "warning"), None]
        Path(path).unlink(missing_ok=True)  # nothing of anybody's stays
        return [*self.open(visit, Path(path).name, data), None]

    def example(self, visit: Visit, event: gr.EventData) -> list:
        path = self.examples[min(max(0, int(event.index)), len(self.examples) - 1)]
        return self.open(visit, path.name, path.read_bytes(), str(path))

    def open(self, visit: Visit, name: str, data: bytes, where: str = "") -> list:
        still = [gr.update(value=0)] * len(self.moves)
        try:
            visit.upload = photo.opened(name, data, where)
            shown = self.outlined(visit)
        except InputError as error:
            visit.upload = None
            said = html.note(str(error), "warning")
            return [visit, "", gr.update(visible=False), *still, gr.update(interactive=False), said]
        found = visit.upload.found is not None
        said = "" if found else html.note("No face was found; move the square to it.", "warning")
        return [visit, shown, gr.update(visible=True, open=not found), *still, gr.update(interactive=True), said]

    def move(self, visit: Visit, *moves: float) -> list:
        if visit.upload is None:
            return [visit, gr.skip(), gr.skip()]
        visit.upload = visit.upload.moved(*moves)
        try:
            return [visit, self.outlined(visit), ""]
        except InputError as error:
            return [visit, gr.skip(), html.note(str(error), "warning")]

    def find(self, visit: Visit, steps: float) -> Iterator[list]:
        """Progress, then the pictures. Whoever closes the page stops it."""
        source, target = self.explorer.studio.networks.values()
        idle, busy = ([gr.update(interactive=now), gr.update(interactive=not now)] for now in (True, False))
        search = None
        try:
            if visit.upload is None:
                raise InputError("choose a photo first")
            upload = visit.upload
            file, start = self.encoder or ("", None)
            for count in dict.fromkeys([0, int(steps)] if file else [int(steps)]):
                search = visit.search = Search(source, target, upload.face(source.size), self.distance, count, start)
                while not search.wait(LOOKS):
                    yield [visit, bar(search), gr.skip(), *busy, gr.skip()]
                visit.person = search.person()
                yield [visit, "", self.shown(visit.person, upload, count), *idle, gr.update(visible=True)]
        except InputError as error:
            yield [visit, html.note(str(error), "warning"), gr.skip(), *idle, gr.skip()]
        finally:
            if search:
                search.stop()

    def cancel(self, visit: Visit) -> None:
        if visit.search:
            visit.search.stop()

    def take(self, visit: Visit, sheet) -> Iterator[list]:
        """The person of the photo is who the sliders move, as the cartoon has them."""
        if visit.person:
            visit.photo = str(self.keep(visit.person, Path(visit.upload.name).stem))
            visit.show(Face(latents=visit.photo, psi=1.0))
        for shown in self.explorer.go(visit, sheet):
            yield [*shown, gr.update(selected="face")]

    def thumbnails(self) -> list[tuple[bytes, str]]:
        small = []
        for path in self.examples:
            picture = utils.read_picture(path)
            picture.thumbnail((THUMBNAIL, THUMBNAIL))
            small.append((utils.png(picture), path.stem))
        return small

    def outlined(self, visit: Visit) -> str:
        """The photo with its square, and what is cut out."""
        upload = visit.upload
        face = upload.face(max(128, self.explorer.studio.last.size))
        whole = io.BytesIO()
        upload.outlined().save(whole, "WEBP", quality=85)
        return html.outline(whole.getvalue(), utils.png(face), upload.name)

    def shown(self, person: Person, upload: photo.Photo, steps: int) -> str:
        stem, paths = Path(upload.name).stem, self.explorer.studio.paths
        encoder = self.encoder[0] if self.encoder else ""
        text = lines.photo_text(steps, paths, filenames.stem(upload.name), encoder)
        figures = [(utils.png(getattr(person, row), **text), words, f"{stem}-{row}.png") for row, words in ROWS.items()]
        latent = html.download(self.latent(person, stem), f"{stem}.pt", "latent (.pt)")
        line = html.command(lines.photo(upload.where, upload.eyes, steps, paths, encoder))
        return html.trio(figures) + f'<p class="x-words">{latent}</p>' + line

    def latent(self, person: Person, name: str) -> bytes:
        """A file as scripts.cartoonize writes it."""
        with tempfile.TemporaryDirectory() as folder:
            home = fingerprint(self.explorer.studio.source.state_dict())
            path, latent = Path(folder, "latents.pt"), person.found.latent
            return latents.save_latents(path, latent, space=SPACE, names=[name], ckpt=home).read_bytes()

    def keep(self, person: Person, name: str) -> Path:
        """The latent from which the cartoon was drawn, in a file that commands read."""
        source = self.explorer.studio.source
        w_plus = Reach.of(source).within(source.broadcast(person.found.latent), REACH_AT_ONCE)  # a search stayed nearer
        free = filenames.first_free(self.folder / name, lambda path: Path(f"{path}.pt").exists())
        return latents.save_latents(f"{free}.pt", w_plus, space="w+", names=[name], ckpt=fingerprint(source.state_dict()))


def bar(search: Search) -> str:
    if not search.begun:
        return html.note("Somebody else's photo comes first.")
    part = search.done / max(1, search.steps)
    words = f"step {search.done} of {search.steps}, loss {search.loss:.3g}"
    return f'<div class="x-bar"><progress max="1" value="{part:.3f}" aria-label="search"></progress><span>{words}</span></div>'
