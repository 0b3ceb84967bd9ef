"""Sample sheets: always the same people, so that two sheets of a run can be laid over each other."""

import torch
from PIL import Image
from torch import Tensor

import utils
from training.state import TrainingState
from training.steps import Latents, style_codes


def sample_sheet(state: TrainingState, seeds: range, chunk: int = 8) -> Image.Image:
    """One person for each seed, drawn by the averaged generator; the source's row above when there is one.

    The noise is the one stored in the network, which source and target share. `chunk` people are drawn at a time.
    """
    people = {name: utils.to_pictures(images) for name, images in _draw(state, seeds, chunk).items()}
    return utils.paired_sheet(people, columns=max(1, int(len(seeds) ** 0.5)))


@torch.no_grad()
def _draw(state: TrainingState, seeds: range, chunk: int) -> dict[str, Tensor]:
    z = utils.seeded_normal(seeds, state.g_ema.style_dim, device=state.device)
    noise = state.g_ema.stored_noise()
    ours, theirs = [], []
    for some in z.split(chunk):
        w, _ = style_codes(state, state.g_ema, Latents([some], 0, noise))
        ours.append(state.g_ema.synthesis(w, noise))
        if state.source:
            theirs.append(state.source.synthesis(state.source.broadcast(state.source.mapping(some)), noise))
    rows = {"source": theirs, "target": ours} if state.source else {"": ours}
    return {name: torch.cat(images) for name, images in rows.items()}
