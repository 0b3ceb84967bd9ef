"""What every training has from `Trainable`: steps whose parts count as the whole, and a state that goes on exactly."""

import pytest
import torch

from errors import InputError
from running.base import Statistic, Trainable


class Line(Trainable):
    """y = a x + b."""

    def __init__(self, seed: int = 0):
        super().__init__(torch.device("cpu"), seed)
        torch.manual_seed(seed)
        self.line = torch.nn.Linear(1, 1)
        self.optimizer = torch.optim.SGD(self.line.parameters(), lr=0.1, fused=True)

    def networks(self):
        return {"line": self.line}

    def optimizers(self):
        return {"optimizer": self.optimizer}

    def step(self, *parts):
        def loss(x, y):
            error = (self.line(x) - y).square().mean()
            return error, {"error": error, Statistic("largest"): x.max()}

        return self.update("line", self.optimizer, loss, parts)


def weights(training: Line) -> list[float]:
    return [parameter.item() for parameter in training.line.parameters()]


X = torch.arange(4.0)[:, None]
Y = 2 * X + 1


def test_two_halves_of_a_batch_are_one_step_of_the_whole():
    whole, halves = Line(), Line()
    logs = whole.step((X, Y)), halves.step((X[:2], Y[:2]), (X[2:], Y[2:]))
    assert weights(halves) == pytest.approx(weights(whole))
    assert logs[1]["error"].item() == pytest.approx(logs[0]["error"].item())
    assert (logs[0]["largest"], logs[1]["largest"]) == (3, 2)  # a mean over the parts


def test_an_update_that_is_not_finite_is_left_out_and_counted():
    training, before = Line(), weights(Line())
    assert training.figures() == {}
    training.step((X / 0, Y))
    assert weights(training) == before and training.figures() == {"skipped": 1}


def test_a_state_goes_on_exactly_under_the_learning_rate_of_now():
    first, second = Line(seed=1), Line(seed=2)
    first.step((X, Y))
    first.iteration = 1
    second.optimizer.defaults["lr"] = 0.5
    second.load_state_dict(first.state_dict())
    assert (weights(second), second.iteration) == (weights(first), 1)
    assert second.optimizer.param_groups[0]["lr"] == 0.5
    for name in ("host_rng", "rng"):
        draws = [torch.rand((), generator=getattr(training, name)) for training in (first, second)]
        assert draws[0] == draws[1]


def test_what_is_missing_or_does_not_fit_is_named():
    saved = Line().state_dict()
    for key in saved:
        with pytest.raises(InputError, match=f"^{key}: missing"):
            Line().load_state_dict({name: value for name, value in saved.items() if name != key})
    with pytest.raises(InputError, match=r"^line: does not fit this run"):
        Line().load_state_dict(saved | {"line": {"weight": torch.ones(2, 2)}})
    with pytest.raises(InputError, match=r"^rng: saved by 2 processes, and this run has 1"):
        Line().load_state_dict(saved | {"rng": saved["rng"] * 2})
