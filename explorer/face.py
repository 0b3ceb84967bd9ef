"""What a page shows, as one value: who, and how they are changed. Knows neither networks nor the page.

    face = Face(seed=7, psi=0.7).moved(Strength("factor.pt", 0, 3, 2.5))

Equal faces are equal pictures, so they serve as keys: of what was drawn already, of a history, of favourites.
"""

from dataclasses import dataclass, replace

DIGITS = 4  # of what sliders say, after the point: what is drawn is what a command can be told


@dataclass(frozen=True)
class Strength:
    """How far along a direction, and on which layers.

    path:   of the file
    place:  of its slider among those of the file, see `sliders.of`
    index:  the direction's number in the file
    layers: "" for those of the file
    """

    path: str
    place: int
    index: int
    degree: float
    layers: str = ""

    @property
    def slot(self) -> tuple[str, int]:
        return self.path, self.place


@dataclass(frozen=True)
class Face:
    """
    seed:      who, where there is no file
    latents:   the file of somebody found in a photo, "" for none
    psi:       of the truncation
    cutoff:    only layers below it are truncated; None: all
    noise:     whether the network adds its noise
    strengths: along directions, none of them 0, in the order of their slots
    giver:     the seed, or the file, of whoever gives layers; "" for nobody
    given:     which layers, as "coarse,8"
    swap:      the resolution below which the source draws; None: nowhere
    width:     of the way between both networks, 0: at once
    """

    seed: int = 0
    latents: str = ""
    psi: float = 0.7
    cutoff: int | None = None
    noise: bool = True
    strengths: tuple[Strength, ...] = ()
    giver: str = ""
    given: str = ""
    swap: int | None = None
    width: float = 0.0

    def moved(self, *strengths: Strength) -> "Face":
        """With these in place of others in their slots; a degree of 0 empties one."""
        slots = {one.slot: one for one in self.strengths} | {
            one.slot: replace(one, degree=told(one.degree)) for one in strengths
        }
        return replace(self, strengths=tuple(slots[slot] for slot in sorted(slots) if slots[slot].degree))

    def strength(self, path: str, place: int) -> Strength | None:
        """What stands in a slot."""
        return next((one for one in self.strengths if one.slot == (path, place)), None)

    def in_words(self) -> str:
        """For whoever hears the page instead of seeing it."""
        who = "the person of the photo" if self.latents else f"person {self.seed}"
        parts = [who, f"psi {self.psi:g}", *[f"{len(self.strengths)} edits"] * bool(self.strengths)]
        parts += (
            ["mixed"] * bool(self.giver) + [f"swapped at {self.swap} px"] * bool(self.swap) + ["no noise"] * (not self.noise)
        )
        return ", ".join(parts)


def told(value: float) -> float:
    """
    >>> told(0.1 + 0.2), told(-0.0)
    (0.3, 0.0)
    """
    return round(float(value), DIGITS) + 0.0
