"""The tab of directions: sliders of a file, their layers, their names, and a slider that swings by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from editing.directions import save_directions
from errors import InputError
from explorer import films, html, opening, sliders
from explorer.controls import DEGREES, LAYERS, SLOTS, Sheet, face_of, shown, values_of
from explorer.sliders import Slider
from explorer.visit import Visit

if TYPE_CHECKING:
    from explorer.page import Explorer

QUICK = {"show_progress": "hidden", "api_visibility": "private"}
LONGEST = 60  # letters of a name
ALL = ("all layers", "")


@dataclass
class DirectionsTab:
    """folder: where directions are kept that are found here"""

    explorer: Explorer
    folder: Path

    def build(self) -> None:
        with gr.Row(equal_height=False):
            paths = self.paths()
            self.file = gr.Dropdown(paths, value=paths[0][1], label="Directions from", elem_id="file", scale=3)
            self.ganspace = gr.Button("find by GANSpace", size="sm", elem_id="ganspace", scale=1, min_width=120)
        self.said = gr.HTML("", elem_id="directions-said")
        for slot, (degree, layers) in enumerate(zip(DEGREES, LAYERS)):
            with gr.Row(elem_classes="x-slot"):
                label = f"direction {slot}"
                self.explorer.controls[degree] = gr.Slider(
                    -5, 5, 0, step=0.1, label=label, elem_id=degree, scale=4, min_width=180
                )
                options = {"allow_custom_value": True, "scale": 1, "min_width": 110, "elem_id": layers}
                choices = [ALL, "coarse", "middle", "fine"]
                self.explorer.controls[layers] = gr.Dropdown(choices, value="", label=f"layers of {label}", **options)
        with gr.Row():
            self.earlier = gr.Button("← stronger ones", size="sm", elem_id="earlier", min_width=90)
            self.later = gr.Button("weaker ones →", size="sm", elem_id="later", min_width=90)
            self.reset = gr.Button("all to 0", size="sm", elem_id="reset", min_width=90)
        every = self.explorer.studio.sliders(paths[0][1])[:SLOTS]
        choices = [(slider.name, str(slider.place)) for slider in every]
        with gr.Accordion("Names", open=False, elem_id="names"):
            with gr.Row(equal_height=True):
                self.which = gr.Dropdown(choices, value="0", label="Direction", elem_id="which", min_width=120)
                self.name = gr.Textbox("", label="New name", max_length=LONGEST, elem_id="name", min_width=120)
            with gr.Row():
                self.rename = gr.Button("rename", size="sm", elem_id="rename")
                self.save = gr.Button("save the names in the file", size="sm", elem_id="save")
        with gr.Accordion("Sweep", open=False, elem_id="sweeps"):
            with gr.Row(equal_height=True):
                self.swinging = gr.Dropdown(choices, value="0", label="Slider that swings", elem_id="swinging", min_width=120)
                self.far = gr.Slider(0.5, 10, 3, step=0.5, label="How far", elem_id="far", min_width=120)
                self.ending = gr.Radio(["webp", "mp4"], value="webp", label="As", elem_id="ending", min_width=110)
            self.sweep = gr.Button("Draw the sweep", size="sm", elem_id="sweep")
            self.film = gr.HTML("", elem_id="film")

    def wire(self, everything: list) -> None:
        explorer = self.explorer
        slots = [explorer.sheet, *(explorer.controls[name] for name in (*DEGREES, *LAYERS)), self.which, self.swinging]
        self.changing = [self.file, *slots[1:]]
        given = [explorer.visit, explorer.sheet, self.file]
        self.file.input(self.turned(None), given, slots, **QUICK)
        self.earlier.click(self.turned(-SLOTS), given, slots, **QUICK)
        self.later.click(self.turned(SLOTS), given, slots, **QUICK)
        self.reset.click(self.to_zero, explorer.inputs, everything, **QUICK)
        self.ganspace.click(self.find, explorer.visit, [self.file, self.said, *slots], concurrency_limit=1, **QUICK)
        named = [explorer.visit, self.said, *slots[1:]]
        self.rename.click(self.called, [explorer.visit, explorer.sheet, self.which, self.name], named, **QUICK)
        self.name.submit(self.called, [explorer.visit, explorer.sheet, self.which, self.name], named, **QUICK)
        self.save.click(self.keep, [explorer.visit, explorer.sheet], [explorer.visit, self.said], **QUICK)
        swing = [explorer.visit, explorer.sheet, self.swinging, self.far, self.ending, *explorer.inputs[2:]]
        self.sweep.click(self.swing, swing, self.film, show_progress="minimal", api_visibility="private", concurrency_limit=1)

    def paths(self) -> list[tuple[str, str]]:
        return [(Path(path).name, path) for path in self.explorer.studio.directions]

    def turned(self, by: int | None):
        """To other sliders: further ones of a file, or those of another."""

        def handler(visit: Visit, sheet: Sheet, path: str) -> list:
            path = path if path in self.explorer.studio.directions else sheet.path
            last = max(0, len(self.explorer.studio.sliders(path)) - 1) // SLOTS * SLOTS
            sheet = Sheet(path, 0 if by is None else min(max(0, sheet.first + by), last))
            return [sheet, *self.slots(visit, sheet)]

        return handler

    def changes(self, visit: Visit, sheet: Sheet) -> list:
        """What others may have found or named since the page was built: of `changing`."""
        return [gr.update(choices=self.paths()), *self.slots(visit, sheet)]

    def slots(self, visit: Visit, sheet: Sheet) -> list:
        """Sliders, their layers, and the two choices among them."""
        said, every = values_of(visit.now, visit, self.explorer.studio, sheet), shown(self.explorer.studio, sheet)
        name = lambda slider: self.name_of(visit, sheet, slider)
        degrees = [
            gr.update(label=name(one), value=said[degree], minimum=one.low, maximum=one.high, visible=True) if one else HIDDEN
            for one, degree in zip(every, DEGREES)
        ]
        layers = [
            gr.update(label=f"layers of {name(one)}", value=said[layer], visible=True) if one else HIDDEN
            for one, layer in zip(every, LAYERS)
        ]
        choices = [(name(one), str(one.place)) for one in every if one]
        return [*degrees, *layers, *[gr.update(choices=choices, value=choices[0][1])] * 2]

    def name_of(self, visit: Visit, sheet: Sheet, slider: Slider) -> str:
        return visit.names.get((sheet.path, slider.place), slider.name)

    def to_zero(self, visit: Visit, sheet: Sheet, *_: object):
        visit.show(replace(visit.now, strengths=()))
        yield from self.explorer.go(visit, sheet)

    def find(self, visit: Visit):
        """GANSpace, of the first network."""
        studio = self.explorer.studio
        yield [gr.skip(), html.note("drawing 300,000 people ..."), *[gr.skip()] * (3 + 2 * SLOTS)]
        (path,) = found = opening.computed("ganspace", next(iter(studio.networks.values())), self.folder)
        studio.directions.update(found)
        sheet = Sheet(path)
        said = html.note(f"{found[path]}; kept in {path}")
        yield [gr.update(choices=self.paths(), value=path), said, sheet, *self.slots(visit, sheet)]

    def called(self, visit: Visit, sheet: Sheet, place: str | None, name: str) -> list:
        name, every = " ".join((name or "").split())[:LONGEST], self.explorer.studio.sliders(sheet.path)
        try:
            slider = next((one for one in every if str(one.place) == place), None)
            if slider is None:
                raise InputError("choose a direction first")
            check_name(name, [self.name_of(visit, sheet, one) for one in every if one is not slider])
        except InputError as error:
            return [visit, html.note(str(error), "warning"), *[gr.skip()] * (2 + 2 * SLOTS)]
        visit.names[sheet.path, slider.place] = name
        return [
            visit,
            html.note(f"{slider.name} is {name} on this page; save the names to keep them"),
            *self.slots(visit, sheet),
        ]

    def keep(self, visit: Visit, sheet: Sheet) -> list:
        """Write the new names into the file, for everybody and every command."""
        found, every = self.explorer.studio.directions[sheet.path], self.explorer.studio.sliders(sheet.path)
        new = {place: name for (path, place), name in visit.names.items() if path == sheet.path}
        for slider in [one for one in every if one.place in new]:
            sliders.renamed(found, slider, new[slider.place])
        try:
            save_directions(sheet.path, found)
        except OSError as error:
            return [visit, html.note(f"{sheet.path}: not written ({error.strerror})", "warning")]
        visit.names = {slot: name for slot, name in visit.names.items() if slot[0] != sheet.path}
        return [visit, html.note(f"{len(new)} new names are in {sheet.path}")]

    def swing(self, visit: Visit, sheet: Sheet, place: str | None, far: float, ending: str, *values: object) -> str:
        studio = self.explorer.studio
        try:
            face = face_of(self.explorer.named(values), visit, studio, sheet)
            slider = next((one for one in studio.sliders(sheet.path) if str(one.place) == place), None)
            if slider is None:
                raise InputError("choose a slider first")
            film = films.swing(studio, face, sheet.path, slider, float(far), ending)
        except InputError as error:
            return html.note(str(error), "warning")
        return html.film(film.data, film.ending, film.line)


HIDDEN = gr.update(visible=False)


def check_name(name: str, others: list[str]) -> None:
    """Raises InputError for one that commands could not tell from something else."""
    if not name or not name.isprintable():
        raise InputError("a name has letters")
    if set(name) & set(",=:") or name.replace("-", "").isdecimal():
        raise InputError("a name is no number and has none of , = : in it, so that commands can be told it")
    if name in others:
        raise InputError(f"another direction is called {name}")
