"""How a photo is searched where nothing else is said. Plain numbers: --help shows them without torch.

Long steps that shrink early, with little jitter, are as near after 600 as the published schedule after 1000
(benchmarks/results/2026-11-27-projection.md). That is for latents; all else here is for cartoons.

The target has noise of its own: what the noise of a photo explains, its cartoon would lose. So noise is not searched. In w+
a face is nearer to the photo than in w, and held near w it can still be drawn by another network. Pixels beside the distance,
or less of a hold, turn dark hair light in the cartoon (docs/photos.md). From an encoder on, a third of the steps is enough.
What is found stays near people as they usually are, and the networks are bent for the rest (`tuning`).
"""

PACE = {"lr": 0.3, "lr_rampdown": 0.6, "noise_ramp": 0.2}  # fields of `projection.Schedule`, flags of projector.py
LATENT_STEPS, LATENT_STEPS_ENCODED = 600, 250  # of a search for latents, from the average face, and from what an encoder says
SPACE, WPLUS_REG = "w+", 1
STEPS, STEPS_ENCODED = 100, 30  # the same for cartoons
REACH = 1.0  # standard deviations that a search may go: further out the cartoons of photos, not of random people, break up
REACH_AT_ONCE = 1.5  # what an encoder says in one pass is brought back to
TUNE, CARRY = 50, 1.0  # steps that bend the source to somebody, and how much of it the target takes
PSI = 0.85  # of cartoons: turned heads then keep both eyes open


def steps(encoder: object) -> int:
    """Of a search for a cartoon, with or without an encoder."""
    return STEPS_ENCODED if encoder else STEPS


def reach(steps: int) -> float:
    """After a search of so many."""
    return REACH if steps else REACH_AT_ONCE


def tune(steps: int) -> int:
    """Likewise. Whoever asks for no search wants a cartoon at once."""
    return TUNE if steps else 0


def psi(steps: int) -> float:
    """Likewise. What an encoder says is drawn as it is."""
    return PSI if steps else 1.0
