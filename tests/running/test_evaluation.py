"""Evaluations of a run: which was best, and what is said of it."""

from running.evaluation import PATIENCE, Evaluation


def test_the_best_is_the_lowest_and_the_run_says_when_it_was(tmp_path):
    evaluation = Evaluation("kid", score=None, every=100)
    assert "best so far" in evaluation.add(100, {"kid": 0.5})
    assert "best so far" in evaluation.add(200, {"kid": 0.1})
    for number in range(PATIENCE):
        text = evaluation.add(300 + number, {"kid": 0.2})
    assert f"{PATIENCE} evaluations ago" in text and "stopping costs nothing" in text
    assert evaluation.best == {"iteration": 200, "kid": 0.1}
    assert "0.1 at iteration 200" in evaluation.summary() and f"{PATIENCE} evaluations after" in evaluation.summary()
    assert evaluation.draw(tmp_path).stat().st_size > 1000


def test_of_equal_scores_the_first_is_kept():
    evaluation = Evaluation("kid", score=None, every=100, history=[{"iteration": 100, "kid": 0.5}])
    assert "the best was 0.5 at 100" in evaluation.add(200, {"kid": 0.5})
