"""CUDA graphs of the four training steps: a GPU gets the thousands of small kernels of a step in one piece.

    steps = graphs.training_steps(state, report.say)
    logs = steps.discriminator_step(state, reals, latents)  # as in training/steps.py

The first calls of a step are ordinary ones; they also build what is built on first use: operators, the optimizer's moments.
The next call records the step and tries the graph beside it. Later ones copy their inputs to where the graph reads, and
replay it. A graph holds no Python: what a step decides on the host stays as it was when the graph was recorded. Where a number
that the step read is another one by then, such as R1's weight in `state.settings`, it goes on without a graph.
"""

import contextlib
import copy
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from running import parallel
from training import steps
from training.state import TrainingState
from training.steps import Latents, Logs

Step = Callable[..., Logs]
Recorder = Callable[[TrainingState, Callable[[], Logs]], tuple[Callable[[], None], Logs]]  # see CudaRecorder

WARM_UP = 2  # ordinary calls of a step before it is recorded
# Both run the same kernels; sums in another order may round to bfloat16 otherwise, by 2^-9, and penalties square that.
TOLERANCE = {"rtol": 2**-5, "atol": 1e-7, "equal_nan": True}
MAY_CANCEL = {"real_score", "fake_score", "r_t"}  # near 0 they are all rounding; the losses tell the same


class TrainingSteps(NamedTuple):
    """The four updates under their names in training/steps.py."""

    discriminator_step: Step
    r1_step: Step
    generator_step: Step
    path_length_step: Step


def training_steps(state: TrainingState, say: Callable[[str], None], wanted: bool = True) -> TrainingSteps:
    """The four updates, as graphs if wanted and possible: on one GPU. Several processes talk to each other in between."""
    plain = TrainingSteps(*(getattr(steps, name) for name in TrainingSteps._fields))
    if not wanted or state.device.type != "cuda" or parallel.world_size() > 1:
        return plain
    record = CudaRecorder()
    return TrainingSteps(*(Graphed(step, record, say) for step in plain))


class Graphed:
    """A step that becomes a graph once the graph has shown that it does the same. If not, `say` is told why, once."""

    def __init__(self, step: Step, record: Recorder, say: Callable[[str], None]):
        self.step, self.record, self.say = step, record, say
        self.calls = 0
        self.earlier: tuple = ()  # inputs of the latest ordinary call
        self.graph: Graph | None = None

    def __call__(self, state: TrainingState, *inputs) -> Logs:
        self.calls += 1
        if self.graph and (changed := self.graph.changed(state)):
            self.graph = None
            self._say_without(changed)
        if self.graph and self.graph.takes(inputs):
            return self.graph(inputs)
        if self.calls == WARM_UP + 1:
            return self._recorded(state, inputs)
        self.earlier = inputs if self.calls == WARM_UP else ()
        return self.step(state, *inputs)

    def _recorded(self, state: TrainingState, inputs: tuple) -> Logs:
        """Take this step with a graph if that does what the step does, else without, as if nothing had been tried."""
        before, earlier, self.earlier = Saved(state), self.earlier, ()
        try:
            self.graph, logs = self._tried(state, inputs, earlier, before)
            return logs
        except Exception as error:  # whatever it is: an error of the step itself comes again below
            reason = (str(error) or type(error).__name__).splitlines()[0]
        before.restore()
        del before  # with its memory, which may have been what was lacking
        self._say_without(reason)
        return self.step(state, *inputs)

    def _say_without(self, reason: str) -> None:
        self.say(f"CUDA graphs: not used for {self.step.__name__} ({reason})")

    def _tried(self, state: TrainingState, inputs: tuple, earlier: tuple, before: "Saved") -> tuple["Graph", Logs]:
        """The graph, and the logs of the step that it took. Raises RuntimeError if the step itself does something else."""
        before.take()
        graph = Graph(self.step, self.record, state, earlier)  # on other inputs, so that what it keeps of them shows
        expected = before.with_update(self.step(state, *inputs))
        before.restore()
        logs = graph(inputs)
        found = before.with_update(logs)
        for name in expected:
            if name not in MAY_CANCEL and not torch.allclose(found[name], expected[name], **TOLERANCE):
                raise RuntimeError(f"{name} is {found[name].item():g} with the graph, {expected[name].item():g} without")
        return graph, logs


class Graph:
    """A recorded step, and the tensors that it reads and writes."""

    def __init__(self, step: Step, record: Recorder, state: TrainingState, inputs: tuple):
        held = copy.deepcopy(inputs)
        self.inputs, self.names = list(tensors_in(held)), []
        self.numbers = held_numbers(state)

        def stacked() -> Logs:
            logs = step(state, *held)
            self.names[:] = logs
            return {"all": torch.stack(list(logs.values()))}  # in one tensor, so that one copy gets them out

        with reading(state) as self.settings:
            self.replay, self.logs = record(state, stacked)

    def takes(self, inputs: tuple) -> bool:
        """Whether these have the recorded shapes."""
        return [tensor.shape for tensor in tensors_in(inputs)] == [tensor.shape for tensor in self.inputs]

    def changed(self, state: TrainingState) -> str:
        """What is no longer as it was recorded; empty where all is."""
        now = held_numbers(state) | {name: getattr(state.settings, name) for name in self.settings}
        recorded = self.numbers | self.settings
        return ", ".join(f"{name} is {now[name]}, and was {recorded[name]}" for name in recorded if now[name] != recorded[name])

    def __call__(self, inputs: tuple) -> Logs:
        torch._foreach_copy_(self.inputs, list(tensors_in(inputs)))
        self.replay()
        return dict(zip(self.names, self.logs["all"].clone().unbind()))  # the next replay writes over them


@contextlib.contextmanager
def reading(state: TrainingState) -> Iterator[dict[str, float]]:
    """Within it, what is read of `state.settings` is noted: {name: value}."""
    settings, noted = state.settings, {}

    class Noting:
        def __getattr__(self, name: str) -> float:
            return noted.setdefault(name, getattr(settings, name))

    state.settings = Noting()
    try:
        yield noted
    finally:
        state.settings = settings


def held_numbers(state: TrainingState) -> dict[str, object]:
    """Plain values that a step may read of the optimizers, of the methods and of the augmentation."""
    numbers = {
        "G's learning rate": state.g_optim.param_groups[0]["lr"],
        "D's learning rate": state.d_optim.param_groups[0]["lr"],
    }
    for owner in (*state.methods, state.augmentation):
        plain = {name: value for name, value in vars(owner).items() if isinstance(value, float | int | str)}
        numbers |= {f"{type(owner).__name__}.{name}": value for name, value in plain.items()}
    return numbers


class CudaRecorder:
    """Records graphs that share their memory, which is safe since they run one after the other."""

    def __init__(self):
        self.pool = None
        self.in_use: weakref.WeakSet[torch.cuda.CUDAGraph] = weakref.WeakSet()  # with memory of this pool
        self.begun: torch.cuda.CUDAGraph | None = None  # and not whole
        self.broken: list[torch.cuda.CUDAGraph] = []

    def __call__(self, state: TrainingState, step: Callable[[], Logs]) -> tuple[Callable[[], None], Logs]:
        """(what repeats the step, the tensors in which its logs then lie). The step itself is not carried out."""
        groups = state.g_optim.param_groups + state.d_optim.param_groups
        try:
            for group in groups:
                group["capturable"] = True  # as every fused optimizer is; recording asks for the word
            return self._recorded(state, step)
        except Exception as error:
            if not isinstance(error, torch.OutOfMemoryError):  # which breaks nothing off, and memory is then dear
                self._give_up_pool(state.device)
            # PyTorch up to 2.11 leaves the random numbers of a broken recording unusable until a whole one ends.
            with contextlib.suppress(Exception):
                self._recorded(state, lambda: {"": torch.zeros((), device=state.device)})
            raise
        finally:
            for group in groups:
                group["capturable"] = False

    def _recorded(self, state: TrainingState, step: Callable[[], Logs]) -> tuple[Callable[[], None], Logs]:
        if not self.in_use:  # memory that the last graph has left cannot be recorded in again
            self.pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        self.begun = graph
        _register(graph, state.rng)
        with (
            torch.cuda.device(state.device),
            torch.cuda.stream(torch.cuda.current_stream(state.device)),  # comes back if the recording fails to begin
            torch.cuda.graph(graph, pool=self.pool, capture_error_mode="thread_local"),  # other threads go on decoding
        ):
            logs = step()
        self.begun = None
        self.in_use.add(graph)
        return graph.replay, logs

    def _give_up_pool(self, device: torch.device) -> None:
        """Where CUDA breaks a recording off, PyTorch up to 2.11 goes on asking the broken graph whose memory to take.

        So it is told to stop, and nothing is recorded in that memory again. The graph is kept: what would become of the memory
        when it goes is not defined.
        """
        if self.begun:
            self.broken.append(self.begun)
        with contextlib.suppress(Exception):
            index = torch.cuda.current_device() if device.index is None else device.index
            torch._C._cuda_endAllocateToPool(index, self.pool)
        self.begun = self.pool = None
        self.in_use = weakref.WeakSet()


def _register(graph: torch.cuda.CUDAGraph, generator: torch.Generator) -> None:
    """Say that a recording draws from this generator. Newer versions see for themselves, warn of the call, and will drop it."""
    if hasattr(graph, "register_generator_state"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph.register_generator_state(generator)


class Saved:
    """All that a step changes, to go back to."""

    def __init__(self, state: TrainingState):
        self.state, self.rng = state, state.rng.get_state()
        self.copies: list[tuple[Tensor, Tensor]] = []

    def take(self) -> None:
        self.copies += [(tensor, tensor.detach().clone()) for tensor in changing(self.state)]

    @torch.no_grad()
    def restore(self) -> None:
        for tensor, saved in self.copies:
            tensor.copy_(saved)
        self.state.rng.set_state(self.rng)
        for optimizer in (self.state.g_optim, self.state.d_optim):
            optimizer.zero_grad(set_to_none=True)  # a step that broke off left some

    @torch.no_grad()
    def with_update(self, logs: Logs) -> Logs:
        """The logs, and how far the parameters have moved since."""
        moved = [tensor - saved for tensor, saved in self.copies if isinstance(tensor, nn.Parameter)]
        return logs | {"the update": nn.utils.get_total_norm(moved)}


def changing(state: TrainingState) -> Iterator[Tensor]:
    """Every tensor that a step may change, each in place."""
    yield state.mean_path_length
    yield from state.guard.tensors
    yield from state.augmentation.tensors
    for optimizer in (state.g_optim, state.d_optim):
        for parameter, moments in optimizer.state.items():
            yield from (parameter, *moments.values())


def tensors_in(value: object) -> Iterator[Tensor]:
    """The tensors of nested lists, tuples and Latents, in order."""
    if isinstance(value, Tensor):
        yield value
    for part in vars(value).values() if isinstance(value, Latents) else value if isinstance(value, list | tuple) else ():
        yield from tensors_in(part)
