"""What stands on the controls of a page, and the face that it means: one into the other, and back.

face = face_of(values, visit, sheet)               # values: {control: what it says}
values_of(face, visit, sheet) == values            # but for what is no part of a face
"""

from dataclasses import dataclass, replace

import utils
from editing.layers import NAMED, parse_layers
from errors import InputError, named
from explorer.face import Face, Strength, told
from explorer.sliders import Slider
from explorer.studio import Studio
from explorer.visit import Visit

SLOTS = 8  # directions that are on the page at once
SEED, PHOTO = "a seed", "the photo"
DEGREES, LAYERS = ([f"{kind}{slot}" for slot in range(SLOTS)] for kind in ("degree", "layers"))
PLAIN = ("who", "seed", "psi", "cutoff", "noise", "mixed", "giver", "given", "own", "swap", "width")
NAMES = (*PLAIN, *DEGREES, *LAYERS)


@dataclass
class Sheet:
    """The sliders that are on the page: of which file, from which one on."""

    path: str
    first: int = 0


def shown(studio: Studio, sheet: Sheet) -> list[Slider | None]:
    """For each slot, None where the file has no more."""
    every = studio.sliders(sheet.path)[sheet.first :][:SLOTS]
    return [*every, *[None] * (SLOTS - len(every))]


def face_of(values: dict[str, object], visit: Visit, studio: Studio, sheet: Sheet) -> Face:
    """Raises InputError for what cannot be drawn. What is on no control, such as sliders of other files, stays."""
    if PHOTO in (values["who"], values["mixed"]) and not visit.photo:
        raise InputError("no photo yet: the tab Photo finds who is in one")
    strengths = [
        Strength(
            sheet.path,
            slider.place,
            slider.index,
            float(values[degree] or 0),
            layers_of(str(values[layers] or ""), slider, studio),
        )
        for slider, degree, layers in zip(shown(studio, sheet), DEGREES, LAYERS)
        if slider
    ]
    count = studio.last.n_latent
    cutoff = int(values["cutoff"])
    given = given_of(values, count) if values["mixed"] != "nobody" else ""
    giver = {"nobody": "", PHOTO: visit.photo}.get(str(values["mixed"]), str(seed_of(values["giver"], "second seed")))
    swap = int(values["swap"])
    face = replace(
        visit.now,
        seed=seed_of(values["seed"], "seed", visit.now.seed),
        latents=visit.photo if values["who"] == PHOTO else "",
        psi=told(values["psi"]),
        cutoff=cutoff if cutoff < count else None,
        noise=bool(values["noise"]),
        giver=giver if given else "",
        given=given if giver else "",
        swap=studio.resolutions[swap] if swap else None,
        width=told(values["width"]) if swap else 0.0,
    )
    return face.moved(*strengths)


def values_of(face: Face, visit: Visit, studio: Studio, sheet: Sheet) -> dict[str, object]:
    """What the controls say of a face."""
    given = [name for name in NAMED if name in face.given.split(",")]
    values = {
        **{"who": PHOTO if face.latents else SEED, "seed": face.seed, "psi": face.psi, "noise": face.noise},
        "cutoff": studio.last.n_latent if face.cutoff is None else face.cutoff,
        "mixed": "nobody" if not face.giver else SEED if face.giver.isdecimal() else PHOTO,
        "swap": studio.resolutions.index(face.swap) if face.swap else 0,
        "width": face.width,
    }
    if face.giver:
        values |= {"given": given, "own": ",".join(part for part in face.given.split(",") if part not in NAMED)}
    if face.giver.isdecimal():
        values["giver"] = int(face.giver)
    for slider, degree, layers in zip(shown(studio, sheet), DEGREES, LAYERS):
        strength = slider and face.strength(sheet.path, slider.place)
        values[degree] = strength.degree if strength else 0.0
        if slider:
            values[layers] = strength.layers if strength else slider.layers
    return values


def moved(before: Face, after: Face) -> str:
    """The one slider in which two faces differ, "" where it is none, or several."""
    differ = [name for name in ("seed", "psi", "cutoff", "width", "swap") if getattr(before, name) != getattr(after, name)]
    differ += [str(slot) for slot in {one.slot for one in set(before.strengths) ^ set(after.strengths)}]
    plain = {"seed": 0, "psi": 0, "cutoff": 0, "width": 0, "swap": 0, "strengths": ()}
    return differ[0] if len(differ) == 1 and replace(before, **plain) == replace(after, **plain) else ""


def given_of(values: dict[str, object], count: int) -> str:
    """The layers that are taken, "" for none. Raises InputError for such that the network lacks."""
    parts = [*(values["given"] or []), *filter(None, str(values["own"] or "").replace(" ", "").split(","))]
    text = ",".join(dict.fromkeys(parts))
    if text:
        with named("layers from the second person"):
            parse_layers(text, count)
    return text


def layers_of(text: str, slider: Slider, studio: Studio) -> str:
    text = text.replace(" ", "")
    if text:
        with named(f"layers of {slider.name}"):
            parse_layers(text, studio.last.n_latent)
    return text


def seed_of(value: object, what: str, usual: int = 0) -> int:
    """Raises InputError for a number that is no seed."""
    if value is None or value == "":
        return usual
    if float(value) != int(value) or not 0 <= value <= utils.LARGEST_SEED:
        raise InputError(f"{what} {value:g}: expected a whole number from 0 to {utils.LARGEST_SEED}")
    return int(value)
