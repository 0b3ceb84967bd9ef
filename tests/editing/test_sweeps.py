"""Sweeps: degrees between the ends of an edit, and the same people wherever the truncation stands."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import utils
from editing import latents, people, sefa, sweeps
from editing.directions import Edit, apply, centre
from tests.networks import tiny_generator

EDIT = Edit(1, low=-3.0, high=4.0)


def scene(**options):
    return sweeps.Scene(tiny_generator(), people.by_seed("0-2"), **options)


def drawn(w_plus, noise=None):
    return [picture.tobytes() for picture in utils.to_pictures(latents.draw(tiny_generator(), w_plus, noise=noise))]


ends = st.floats(-50, 50).flatmap(lambda low: st.tuples(st.just(low), st.floats(low + 0.01, 60)))


@given(ends=ends, steps=st.integers(2, 20))
@settings(deadline=None)
def test_even_degrees_run_from_end_to_end_in_equal_steps(ends, steps):
    degrees = torch.tensor(sweeps.even_degrees(Edit(0, None, *ends), steps), dtype=torch.float64)
    assert len(degrees) == steps
    torch.testing.assert_close(degrees[[0, -1]], torch.tensor(ends).double(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(degrees.diff(), degrees.diff().mean().expand(steps - 1), atol=1e-9, rtol=1e-9)


@given(ends=ends, half=st.integers(1, 30))
@settings(deadline=None)
def test_a_swing_touches_both_ends_and_comes_back_the_same_way(ends, half):
    degrees = sweeps.swinging_degrees(Edit(0, None, *ends), 2 * half)
    assert degrees[0] == pytest.approx(ends[0]) == pytest.approx(min(degrees))
    assert degrees[half] == pytest.approx(ends[1]) == pytest.approx(max(degrees))
    assert degrees[1:half] == pytest.approx(degrees[:half:-1])


def test_everybody_is_drawn_where_the_edit_puts_them():
    found, here = sefa.sefa(tiny_generator()), scene(psi=0.7)
    expected = drawn(apply(latents.people(tiny_generator(), [0, 1, 2], 0.7), found, 1, 2.0))
    assert [picture.tobytes() for picture in here.pictures(found, EDIT, 2.0)] == expected
    assert [picture.tobytes() for picture in here.pictures(found, EDIT, 2.0, person=1)] == drawn(
        apply(latents.people(tiny_generator(), [1], 0.7), found, 1, 2.0)
    )


@pytest.mark.parametrize("psi", [0.0, 0.5, 1.0, 1.5])
def test_truncation_after_the_edit_shortens_it_and_nothing_else(psi):
    """G(truncate(w + d v)) = G(truncate(w) + psi d v)."""
    found = sefa.sefa(tiny_generator())
    after = scene(psi=psi, edit_before_trunc=True).pictures(found, EDIT, 3.0)
    before = scene(psi=psi).pictures(found, EDIT, 3.0 * psi)
    for one, other in zip(after, before):
        difference = torch.frombuffer(bytearray(one.tobytes()), dtype=torch.uint8).int()
        difference -= torch.frombuffer(bytearray(other.tobytes()), dtype=torch.uint8).int()
        assert difference.abs().max() <= 1


def test_centred_people_stand_at_the_same_place_of_the_axis():
    found = sefa.sefa(tiny_generator())
    found.mean = torch.full((8,), 0.3)
    w_plus = latents.people(tiny_generator(), [0, 1, 2])
    expected = drawn(apply(centre(w_plus, found, 1, [0, 2]), found, 1, 2.0, [0, 2]))
    assert [picture.tobytes() for picture in scene(centred=True).pictures(found, Edit(1, [0, 2]), 2.0)] == expected


def test_each_person_keeps_their_own_noise(tmp_path):
    generator = tiny_generator()
    w_plus, noise = latents.people(generator, [0, 1]), generator.make_noise(2, torch.Generator().manual_seed(0))
    file = latents.save_latents(tmp_path / "faces.pt", w_plus, space="w+", names=["a", "b"], noise=noise)
    here, found = sweeps.Scene(generator, people.from_file(file)), sefa.sefa(generator)
    everybody = [picture.tobytes() for picture in here.pictures(found, EDIT, 0)]
    assert everybody == drawn(w_plus, noise) != drawn(w_plus)
    assert [picture.tobytes() for picture in here.pictures(found, EDIT, 0, person=1)] == everybody[1:]


def test_drawn_is_called_once_for_each_row_of_pictures():
    calls = []
    here = scene(drawn=lambda: calls.append(1))
    sweeps.sheet_of_people({"": here}, sefa.sefa(tiny_generator()), EDIT, steps=4)
    assert len(calls) == 4
