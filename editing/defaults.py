"""How a photo is searched for its cartoon where nothing else is said. Plain numbers: --help shows them without torch.

The target has noise of its own: what the noise of a photo explains, its cartoon would lose. So noise is not searched. In w+
a face is nearer to the photo than in w, and held near w it can still be drawn by another network. Pixels beside the distance,
or less of a hold, turn dark hair light in the cartoon (docs/photos.md). Long steps that shrink early, with little jitter, are
as near after 120 as the published schedule after 200 (benchmarks/results/2026-11-27-projection.md).
"""

SPACE, WPLUS_REG, STEPS = "w+", 1, 240
PACE = {"lr": 0.3, "lr_rampdown": 0.6, "noise_ramp": 0.2}  # fields of `projection.Schedule`, flags of projector.py
REACH = 1.5  # standard deviations: further out the cartoons of photos, not of random people, break up
