"""Faces as values, and what a browser has done with them."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.face import Face, Strength
from explorer.visit import MOST, Visit

slots = st.builds(Strength, st.sampled_from(["a.pt", "b.pt"]), st.integers(0, 3), st.integers(0, 3), st.floats(-5, 5))


@given(st.lists(slots))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
def test_the_last_move_of_each_slot_counts_in_any_order_of_slots(moves):
    face = Face().moved(*moves)
    last = {move.slot: move for move in moves}
    assert face == Face().moved(*sorted(last.values(), key=lambda move: move.slot, reverse=True))
    assert all(one.degree for one in face.strengths)
    assert face.moved(*(replace(one, degree=0.0) for one in face.strengths)) == Face()


def test_all_moves_of_one_slider_are_one_step_back_and_other_things_one_each():
    visit = Visit()
    for psi in (0.6, 0.5, 0.4):
        visit.show(replace(visit.now, psi=psi), "psi")
    visit.show(replace(visit.now, seed=1))
    visit.show(replace(visit.now, seed=2))
    visit.show(visit.now)
    assert [face.seed for face in visit.past] == [0, 0, 1] and [face.psi for face in visit.past] == [0.7, 0.4, 0.4]
    for seed, psi in ((1, 0.4), (0, 0.4), (0, 0.7), (0, 0.7)):
        visit.undo()
        assert (visit.now.seed, visit.now.psi) == (seed, psi)


def test_a_slider_that_is_taken_up_again_after_undo_is_a_step_of_its_own():
    visit = Visit()
    visit.show(Face(psi=0.5), "psi")
    visit.undo()
    visit.show(Face(psi=0.4), "psi")
    visit.undo()
    assert visit.now == Face()


def test_only_so_many_faces_are_kept():
    visit = Visit()
    for seed in range(3 * MOST):
        visit.show(Face(seed=seed))
        visit.favour()
    assert len(visit.past) == len(visit.favourites) == MOST


def test_to_keep_a_face_twice_lets_it_go():
    visit = Visit()
    visit.favour()
    visit.show(Face(seed=3))
    visit.favour()
    visit.favour()
    assert visit.favourites == [Face()]
