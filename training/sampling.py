"""Sample sheets: always the same people, so that two sheets of a run can be laid over each other."""

import torch
from PIL import Image
from torch import Tensor

import utils
from training.state import TrainingState
from training.steps import Latents, style_codes


def sample_sheet(state: TrainingState, seeds: range, chunk: int = 8, title: str = "") -> Image.Image:
    """One person for each seed, drawn by the averaged generator; the source's row above when there is one.

    The noise is the one stored in the network, which source and target share. `chunk` people are drawn at a time.
    """
    people = [utils.to_pictures(images) for images in _draw(state, seeds, chunk)]
    columns = max(1, int(len(seeds) ** 0.5))
    rows = []
    for start in range(0, len(seeds), columns):
        for pictures in people:
            row = pictures[start : start + columns]
            rows += row + [Image.new("RGB", row[0].size, utils.PAPER)] * (columns - len(row))
    return utils.sheet(rows, columns, title=title)


@torch.no_grad()
def _draw(state: TrainingState, seeds: range, chunk: int) -> list[Tensor]:
    z = utils.seeded_normal(seeds, state.g_ema.style_dim, device=state.device)
    noise = state.g_ema.stored_noise()
    ours, theirs = [], []
    for some in z.split(chunk):
        w, _ = style_codes(state, state.g_ema, Latents([some], 0, noise))
        ours.append(state.g_ema.synthesis(w, noise))
        if state.source:
            theirs.append(state.source.synthesis(state.source.broadcast(state.source.mapping(some)), noise))
    return [torch.cat(images) for images in (theirs, ours) if images]
