"""The page: tabs of controls beside a stage that shows the face they mean. All that it knows of pictures is in `studio`.

    build(Explorer(studio)).launch(**SAFE)

The stage is drawn from what all controls say at once, so the last of many quick moves is the one that stays.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import gradio as gr

import utils
from errors import InputError
from explorer import html
from explorer.controls import NAMES, PHOTO, SEED, Sheet, face_of, moved, values_of
from explorer.directions_tab import DirectionsTab
from explorer.face import Face
from explorer.photo import LARGEST
from explorer.photo_tab import PhotoTab
from explorer.runs_tab import RunsTab
from explorer.search import Start
from explorer.studio import Studio
from explorer.visit import Visit
from vision.perceptual import Distance

HERE = Path(__file__).parent
PORT = 7860  # usually
WAITING = 32  # events of all browsers
SAFE = {  # no way in but from this machine, no file of it has an address, and nothing is sent anywhere
    **{"server_name": "127.0.0.1", "share": False, "allowed_paths": [], "max_file_size": LARGEST},
    **{"state_session_capacity": 64, "strict_cors": True, "mcp_server": False, "ssr_mode": False, "enable_monitoring": False},
    **{"quiet": True, "show_error": True, "footer_links": [], "run_history": False, "pwa": False},
}
FONTS = {"font": ["system-ui", "Segoe UI", "Roboto", "sans-serif"], "font_mono": ["ui-monospace", "Consolas", "monospace"]}
QUICK = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "draw", "concurrency_limit": 1}


def look() -> dict[str, object]:
    """How it looks, for `launch`."""
    theme = gr.themes.Base(primary_hue="orange", neutral_hue="stone", radius_size="lg", spacing_size="sm", **FONTS).set(
        body_background_fill="*neutral_50",
        block_border_width="0px",
        block_shadow="none",
        block_background_fill="white",
        slider_color="*primary_600",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
    )
    return {"theme": theme, "css_paths": [HERE / "page.css"], "head": (HERE / "page.js").read_text("utf-8")}


@dataclass
class Explorer:
    """What the page is about, and its parts as they are built.

    folder:   for directions and latents that are kept
    runs:     of trainings, and what makes HTML of one
    distance: of pictures, for photos; None where there is no network of photos
    examples: photos that come along
    encoder:  with which the search for the person in a photo begins: its file, and what gives the latents
    seed:     who is shown first
    controls: {name: the part of the page}, as in `controls.NAMES`
    """

    studio: Studio
    folder: Path
    runs: Sequence[Path]
    report: Callable[[Path], str]
    distance: Distance | None = None
    examples: Sequence[Path] = ()
    encoder: tuple[str, Start] | None = None
    seed: int = 0
    controls: dict[str, gr.components.Component] = field(default_factory=dict)

    def __post_init__(self):
        self.directions = DirectionsTab(self, self.folder)
        self.photo = PhotoTab(self, self.distance, self.folder, [*self.examples], self.encoder) if self.distance else None
        self.run = RunsTab([*self.runs], self.report)

    @property
    def inputs(self) -> list[gr.components.Component]:
        return [self.visit, self.sheet, *(self.controls[name] for name in NAMES)]

    @property
    def outputs(self) -> list[gr.components.Component]:
        return [self.visit, self.stage, self.history, self.favourites, self.said]

    def named(self, values: Sequence[object]) -> dict[str, object]:
        return dict(zip(NAMES, values))

    def draw(self, visit: Visit, sheet: Sheet, *values: object) -> Iterator[list]:
        """Show the face that the controls mean."""
        try:
            face = face_of(self.named(values), visit, self.studio, sheet)
            if face == visit.now:
                yield [visit, gr.skip(), gr.skip(), gr.skip(), ""]
                return
            visit.show(face, moved(visit.now, face))
            yield from self.staged(visit)
        except InputError as error:
            yield [visit, gr.skip(), gr.skip(), gr.skip(), html.note(str(error), "warning")]

    def staged(self, visit: Visit) -> Iterator[list]:
        """A preview where pictures are slow, then the pictures."""
        face, kept = visit.now, visit.now in visit.favourites
        if previews := self.studio.previews(face):
            yield [visit, html.pair(previews, face.in_words(), name_of(face), kept), gr.skip(), gr.skip(), ""]
        yield [visit, html.pair(self.studio.pictures(face), face.in_words(), name_of(face), kept), *self.strips(visit), ""]

    def strips(self, visit: Visit) -> list[str]:
        thumbs = lambda faces: [(self.studio.pictures(face)[-1].png, face.in_words()) for face in faces]
        return [
            html.strip(thumbs([*visit.past, visit.now]), "history", current=len(visit.past)),
            html.strip(thumbs(visit.favourites), "favourites", "Press ☆ to keep a face here."),
        ]

    def go(self, visit: Visit, sheet: Sheet, *values: object) -> Iterator[list]:
        """Show `visit.now` on the stage and on the controls, but for those that say so already: somebody may be moving one."""
        said, before = values_of(visit.now, visit, self.studio, sheet), self.named(values)
        other = lambda name: name in said and (not before or said[name] != before[name])
        controls = [gr.update(value=said[name]) if other(name) else gr.skip() for name in NAMES]
        controls[NAMES.index("who")] = gr.update(value=said["who"], visible=bool(visit.photo))
        for staged in self.staged(visit):
            yield [*staged, *controls]

    def come(self, visit: Visit, sheet: Sheet) -> Iterator[dict]:
        """The first face and the sliders as they are now called, at once: what came later would move under somebody's hands."""
        sliders = dict(zip(self.directions.changing, self.directions.changes(visit, sheet)))
        for stage in self.go(visit, sheet):
            yield dict(zip(everything(self), stage)) | sliders

    def step(self, by: int | None):
        """To the person so many seeds further on; None: to any."""

        def handler(visit: Visit, sheet: Sheet, *values: object) -> Iterator[list]:
            seed = random.randrange(10**6) if by is None else (visit.now.seed + by) % (utils.LARGEST_SEED + 1)
            visit.show(replace(visit.now, seed=seed, latents=""))
            yield from self.go(visit, sheet, *values)

        return handler

    def undo(self, visit: Visit, sheet: Sheet, *values: object) -> Iterator[list]:
        visit.undo()
        yield from self.go(visit, sheet, *values)

    def favour(self, visit: Visit, sheet: Sheet, *values: object) -> Iterator[list]:
        visit.favour()
        yield from self.go(visit, sheet, *values)

    def back_to(self, where: str):
        """A press on one of a strip."""

        def handler(visit: Visit, sheet: Sheet, event: gr.EventData) -> Iterator[list]:
            faces = [*visit.past, visit.now] if where == "history" else visit.favourites
            if 0 <= int(event.index) < len(faces):
                visit.show(faces[int(event.index)])
            yield from self.go(visit, sheet)

        return handler


def name_of(face: Face) -> str:
    """Of a file."""
    return Path(face.latents).stem if face.latents else f"seed{face.seed:04d}"


def build(explorer: Explorer) -> gr.Blocks:
    with gr.Blocks(title="Explorer", analytics_enabled=False, fill_width=True, delete_cache=(600, 600)) as page:
        explorer.visit = gr.State(Visit(Face(explorer.seed)))
        explorer.sheet = gr.State(Sheet(next(iter(explorer.studio.directions))))
        gr.HTML(top(explorer))
        with gr.Row():
            with gr.Column(scale=5, min_width=300, elem_id="stage"):
                stage(explorer)
            with gr.Column(scale=6, min_width=300), gr.Tabs() as explorer.tabs:
                with gr.Tab("Face", id="face", elem_id="tab-face"):
                    face_tab(explorer)
                with gr.Tab("Directions", id="directions", elem_id="tab-directions"):
                    explorer.directions.build()
                with gr.Tab("Mix", id="mix", elem_id="tab-mix"):
                    mix_tab(explorer)
                with gr.Tab("Photo", id="photo", elem_id="tab-photo"):
                    if explorer.photo:
                        explorer.photo.build()
                    else:
                        gr.HTML(html.note("Photos need two networks: --ckpt and the --source that it was fine-tuned from."))
                with gr.Tab("Runs", id="runs", elem_id="tab-runs") as runs:
                    explorer.run.build()
        wire(explorer)
        explorer.directions.wire(everything(explorer))
        if explorer.photo:
            explorer.photo.wire(everything(explorer))
        explorer.run.wire(runs)
        first = dict.fromkeys([*everything(explorer), *explorer.directions.changing])  # each once
        page.load(explorer.come, [explorer.visit, explorer.sheet], [*first], **QUICK)
        page.queue(max_size=WAITING, api_open=False)
    return page


def open_to_this_machine(page: gr.Blocks, port: int | None, browser: bool) -> str:
    """Serve it, and return the address. Raises InputError for a port that is taken."""
    ports = {"server_port": port, "inbrowser": browser, "prevent_thread_lock": True}
    try:
        _, address, _ = page.launch(**ports, **SAFE, **look())
    except OSError:
        raise InputError("is taken; name another, or none") from None
    return address


def everything(explorer: Explorer) -> list:
    return [*explorer.outputs, *(explorer.controls[name] for name in NAMES)]


def top(explorer: Explorer) -> str:
    """What it draws with, and where."""
    named = [(row or "network", path) for row, path in explorer.studio.paths.items()]
    last = explorer.studio.last
    parts = [*named, (f"{last.size} px on", str(last.device))]
    spans = "".join(f"<span>{html.escape(word)} <b>{html.escape(value)}</b></span>" for word, value in parts)
    return f'<header id="top"><h1>Explorer</h1>{spans}</header>'


def stage(explorer: Explorer) -> None:
    explorer.said = gr.HTML("", elem_id="said")
    explorer.stage = gr.HTML("", elem_id="pictures")
    with gr.Row():
        explorer.buttons = {
            name: gr.Button(words, elem_id=name, size="sm", min_width=60)
            for name, words in {
                "previous": "← previous",
                "random": "random",
                "next": "next →",
                "undo": "undo",
                "favour": "☆ keep",
            }.items()
        }
    explorer.history = gr.HTML("", elem_id="history", js_on_load=html.PRESS)
    explorer.favourites = gr.HTML("", elem_id="favourites", js_on_load=html.PRESS)


def face_tab(explorer: Explorer) -> None:
    layers = explorer.studio.last.n_latent
    explorer.controls |= {
        "who": gr.Radio([SEED, PHOTO], value=SEED, label="Who", visible=False, elem_id="who"),
        "seed": gr.Number(explorer.seed, label="Seed", precision=0, minimum=0, maximum=utils.LARGEST_SEED, elem_id="seed"),
        "psi": gr.Slider(
            -1,
            1.5,
            0.7,
            step=0.05,
            label="Psi",
            info="1: all of the person, 0: the average face, below: the opposite",
            elem_id="psi",
        ),
        "cutoff": gr.Slider(
            0, layers, layers, step=1, label="Cutoff", info=f"psi acts on layers below it; {layers}: on all", elem_id="cutoff"
        ),
        "noise": gr.Checkbox(True, label="Noise of the network", elem_id="noise"),
    }
    gr.HTML(html.note("Keys: ← and → other people, r anybody, z back, f keep."))


def mix_tab(explorer: Explorer) -> None:
    res = explorer.studio.resolutions
    meanings = ", ".join(f"{k}: {res[k]} px" for k in range(1, len(res)))
    explorer.controls |= {
        "mixed": gr.Radio(["nobody", SEED, PHOTO], value="nobody", label="Layers from", elem_id="mixed"),
        "giver": gr.Number(1, label="Second seed", precision=0, minimum=0, maximum=utils.LARGEST_SEED, elem_id="giver"),
        "given": gr.CheckboxGroup(["coarse", "middle", "fine"], value=["coarse"], label="Which layers", elem_id="given"),
        "own": gr.Textbox("", label="and these", placeholder="0-3,8", elem_id="own"),
        "swap": gr.Slider(
            0, len(res) - 1, 0, step=1, label="Photo network below", info=f"0: nowhere, {meanings}", elem_id="swap"
        ),
        "width": gr.Slider(0, 3, 0, step=0.1, label="Width of the way over", info="0: at once", elem_id="width"),
    }


def wire(explorer: Explorer) -> None:
    """Which event does what."""
    inputs, controls = explorer.inputs, explorer.controls
    finished = [controls["own"].submit, controls["own"].blur]  # half of what is typed is no layer
    events = [*(controls[name].input for name in NAMES if name != "own"), *finished]
    gr.on(events, explorer.draw, inputs, explorer.outputs, trigger_mode="always_last", **QUICK)
    every = everything(explorer)
    actions = {"previous": explorer.step(-1), "next": explorer.step(1), "random": explorer.step(None)}
    actions |= {"undo": explorer.undo, "favour": explorer.favour}
    for name, action in actions.items():
        explorer.buttons[name].click(action, inputs, every, trigger_mode="multiple", **QUICK)
    for where in ("history", "favourites"):
        getattr(explorer, where).select(explorer.back_to(where), [explorer.visit, explorer.sheet], every, **QUICK)
