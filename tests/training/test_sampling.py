"""Sample sheets show the network that the checkpoint holds."""

import pytest
import torch

import checkpoint
from tests.networks import tiny_discriminator, tiny_generator
from tests.scripts.sheets import SIDE, cells, people
from training import sampling
from training.state import Settings, new_state
from training.transfer import FreezeStyle
from utils import save_png


def moved_state(*methods, source=True):
    """A state whose g, g_ema and source differ in all but the stored noise."""
    networks = tiny_generator(seed=1), tiny_discriminator(seed=2)
    state = new_state(Settings(), *networks, methods, source=tiny_generator(seed=3) if source else None)
    state.g_ema.load_state_dict(tiny_generator(seed=4).state_dict() | noise_of(state.source or state.generator))
    return state


def noise_of(network):
    return {name: noise for name, noise in network.state_dict().items() if name.startswith("noises.")}


@pytest.mark.parametrize("methods", [[], [FreezeStyle(2)]], ids=["plain", "freezeStyle"])
def test_the_sheet_of_a_run_is_what_its_checkpoint_draws(tmp_path, methods):
    """The source above, the averaged generator below; with --freezeStyle that is the blended one."""
    state = moved_state(*methods)
    save_png(sampling.sample_sheet(state, range(4), chunk=8), tmp_path / "sheet.png")
    checkpoint.write(tmp_path / "run.pt", state.state_dict())
    above, below, above_too, below_too = cells(tmp_path / "sheet.png", columns=2, rows=4)
    shown = people(state.source, 0, 1, 2, 3), people(checkpoint.read(tmp_path / "run.pt").generator(), 0, 1, 2, 3)
    assert ([*above, *above_too] == shown[0]).all()
    assert ([*below, *below_too] == shown[1]).all()
    assert (shown[0] != shown[1]).any()


def test_without_a_source_there_is_one_row_for_each_line_of_people(tmp_path):
    state = moved_state(source=False)
    save_png(sampling.sample_sheet(state, range(4)), tmp_path / "sheet.png")
    shown = cells(tmp_path / "sheet.png", columns=2, rows=2).reshape(4, SIDE, SIDE, 3)
    assert (shown == people(state.g_ema, 0, 1, 2, 3)).all()


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_people_are_the_same_however_many_are_drawn_at_once(tmp_path, chunk):
    state = moved_state()
    pictures = [torch.tensor(list(sampling.sample_sheet(state, range(5), n).tobytes())).int() for n in (8, chunk)]
    assert (pictures[0] - pictures[1]).abs().max() <= 2  # other batches may be rounded by one, enlarged by two


def test_drawing_a_sheet_takes_no_random_number_of_the_run():
    state = moved_state()

    def numbers():
        return torch.cat([state.rng.get_state(), state.host_rng.get_state(), torch.get_rng_state()])

    before = numbers()
    sampling.sample_sheet(state, range(3))
    assert torch.equal(numbers(), before)
