"""CUDA graphs of the training steps, tried on the CPU with a recording that repeats operators and no Python."""

import contextlib
import dataclasses
import importlib.util
import itertools
import sys
import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from augment import Ada, Augmentation, DiffAugment, geometric
from op import build, resample
from tests.commands import assert_same
from tests.networks import tiny_discriminator, tiny_generator
from tests.vision import doubles
from training import graphs, steps
from training.graphs import Graphed, TrainingSteps
from training.state import Settings, new_state
from training.transfer import NADA, CorrelationLoss, FreezeD, FreezeG, FreezeStyle, StructureLoss
from training.transfer.base import Term, TransferMethod
from vision import clip_files

HOST_READS = {"aten::_local_scalar_dense", "aten::equal", "aten::nonzero", "aten::masked_select"}


class Recording(TorchDispatchMode):
    """What a CUDA graph does. While it is entered, every operator is kept with the very tensors that it reads and writes;
    `undo` takes back what it did, since a capture carries nothing out; `replay` repeats the operators, and nothing else.
    """

    room: int | None = None  # for so many operators

    def __init__(self):
        super().__init__()
        self.operators, self.made, self.written, self.generators = [], {}, {}, {}

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if operator.name().split(".")[0] in HOST_READS:
            raise RuntimeError(f"{operator.name()}: a graph cannot wait for a number")
        if self.room == len(self.operators):
            raise torch.OutOfMemoryError("CUDA out of memory")
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if operator._schema.is_mutable:
            for tensor in given:
                if key(tensor) not in self.made:
                    self.written.setdefault(key(tensor), (tensor, tensor.untyped_storage().clone()))
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, torch.Generator):
                self.generators.setdefault(leaf._cdata, (leaf, leaf.get_state()))
        result = operator(*args, **kwargs)
        known = {key(tensor) for tensor in given}
        fresh = [isinstance(leaf, torch.Tensor) and key(leaf) not in known for leaf in tree_leaves(result)]
        self.made |= {key(leaf): leaf for leaf, is_fresh in zip(tree_leaves(result), fresh) if is_fresh}
        self.operators.append((operator, args, kwargs, result, fresh))
        return result

    def undo(self):
        for tensor, before in self.written.values():
            tensor.untyped_storage().copy_(before)
        for generator, before in self.generators.values():
            generator.set_state(before)

    def replay(self):
        with torch._C._AutoDispatchBelowAutograd():
            for tensor in self.made.values():  # other graphs use the same memory in between
                tensor.fill_(float("nan") if tensor.is_floating_point() else 1)
            for operator, args, kwargs, result, fresh in self.operators:
                if any(fresh) or operator._schema.is_mutable:  # a view follows what it looks at
                    again = operator(*args, **kwargs)
                    for old, new, is_fresh in zip(tree_leaves(result), tree_leaves(again), fresh, strict=True):
                        if is_fresh:
                            old.copy_(new)


def key(tensor):
    return tensor.untyped_storage()._cdata


def recorded(state, step):
    """In place of CudaRecorder."""
    recording = Recording()
    try:
        with recording:
            logs = step()
    finally:
        recording.undo()
    return recording.replay, logs


class StandIn:
    """In place of torch.cuda, for CudaRecorder: what it calls, on the CPU."""

    def __init__(self):
        self.optimizers, self.pools, self.handles = (), [], itertools.count()
        self.device = self.stream = self.current_stream = contextlib.nullcontext
        self.current_device = int
        self.living = {}  # pool -> its graphs
        self.recorded_to, self.numbers_usable = None, True  # as a recording that CUDA breaks off leaves them up to 2.11

    class CUDAGraph:
        def register_generator_state(self, generator):
            self.generator = generator

        def replay(self):
            self.recording.replay()

    def graph_pool_handle(self):
        return next(self.handles)

    def end_allocate(self, device, pool):
        if pool != self.recorded_to:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.recorded_to = None

    @contextlib.contextmanager
    def graph(self, graph, pool, capture_error_mode):
        assert capture_error_mode == "thread_local"
        assert all(group["capturable"] for optimizer in self.optimizers for group in optimizer.param_groups)
        self.pools.append(pool)
        self.numbers_usable = False
        if pool == self.recorded_to:
            raise RuntimeError("beginAllocateToPool: already recording to mempool_id")
        if not self.living.setdefault(pool, weakref.WeakSet([graph])):
            raise RuntimeError("INTERNAL ASSERT FAILED: use_count > 0")
        self.living[pool].add(graph)
        graph.recording = recording = Recording()
        try:
            with recording:
                yield
        except Exception as error:
            if not isinstance(error, torch.OutOfMemoryError):
                self.recorded_to = pool
            raise
        finally:
            recording.undo()
        self.numbers_usable = True
        assert recording.generators.keys() <= {graph.generator._cdata}


class OnDevice(Ada):
    """As on a GPU: nobody looks at p."""

    @property
    def p(self):
        return self._p


@pytest.fixture
def said():
    return []


@pytest.fixture
def stand_in(monkeypatch):
    stand_in = StandIn()
    for name in ("CUDAGraph", "graph", "graph_pool_handle", "device", "stream", "current_stream", "current_device"):
        monkeypatch.setattr(torch.cuda, name, getattr(stand_in, name))
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", stand_in.end_allocate, raising=False)
    return stand_in


@pytest.fixture(autouse=True)
def no_clip(monkeypatch):
    monkeypatch.setattr(clip_files, "load", lambda text: doubles.clip())


@pytest.fixture(autouse=True)
def same_margins(monkeypatch):
    """Those of a recording in every call, so that graph and step are equal to the last bit."""
    monkeypatch.setattr(geometric, "_being_recorded", lambda images: True)


def state_of(*methods, seed=0, augmentation=None, device="cpu", **settings):
    defaults = {"d_reg_every": 2, "g_reg_every": 2, "mixing": 0.5}
    return new_state(
        Settings(**defaults | settings),
        tiny_generator(seed=1),
        tiny_discriminator(seed=2),
        methods,
        source=tiny_generator(seed=1),
        augmentation=augmentation,
        seed=seed,
        device=device,
    )


def graphed(said, record=recorded):
    return TrainingSteps(*(Graphed(getattr(steps, name), record, said.append) for name in TrainingSteps._fields))


def train(state, taken, iterations, accumulate=1):
    """The loop of train.py. Returns the logs of every iteration."""
    numbers = torch.Generator().manual_seed(5)
    every = []
    for _ in range(iterations):
        reals = [torch.randn(4, 3, 16, 16, generator=numbers).to(state.device) for _ in range(accumulate)]
        draw = lambda batch: [steps.draw_latents(state, batch) for _ in range(accumulate)]
        logs = taken.discriminator_step(state, reals, draw(4))
        if state.iteration % state.settings.d_reg_every == 0:
            logs |= taken.r1_step(state, reals)
        logs |= taken.generator_step(state, draw(4))
        if state.iteration % state.settings.g_reg_every == 0:
            logs |= taken.path_length_step(state, draw(2))
        state.update_ema()
        state.iteration += 1
        every.append({name: value.item() for name, value in logs.items()})
    return every


CASES = {
    "plain": {},
    "always mixing": {"mixing": 1.0},
    "FreezeG and FreezeD": {"methods": [FreezeG(1), FreezeD(1)]},
    "FreezeSG": {"methods": [FreezeG(1, train_mapping=True), FreezeStyle(2)]},
    "structure loss": {"methods": [StructureLoss(2)]},
    "structure loss of features": {"methods": [StructureLoss(2, target="features"), FreezeStyle(2)]},
    "correlation loss": {"methods": [CorrelationLoss(4), FreezeG(1)]},
    "words": {"methods": [NADA("photo", "sketch")]},
    "words for two layers": {"methods": [FreezeD(1), FreezeG(2), NADA("photo", "sketch", layers=2)], "accumulate": 2},
    "adaptive ADA": {"augmentation": lambda: OnDevice(length=64, interval=3, target=-0.5)},
    "fixed ADA": {"augmentation": lambda: OnDevice(fixed_p=0.6, interval=3)},
    "accumulated": {"accumulate": 2, "augmentation": lambda: OnDevice(length=64, interval=3, target=-0.5)},
    "DiffAugment": {"augmentation": DiffAugment},
    "bf16": {"precision": torch.bfloat16},
}

NEEDS_CLIP = pytest.mark.skipif(importlib.util.find_spec("open_clip") is None, reason="needs the extra `clip`")
every_case = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=NEEDS_CLIP if "words" in name else ()) for name, case in CASES.items()]
)


@every_case
def test_training_with_graphs_is_training_without(case, said):
    def run(taken):
        state = state_of(
            *case.get("methods", ()), augmentation=case.get("augmentation", Augmentation)(), mixing=case.get("mixing", 0.5)
        )
        state.generator.compute_dtype = state.discriminator.compute_dtype = case.get("precision")
        return train(state, taken, 8, case.get("accumulate", 1)), state

    (expected, without), (found, state) = run(steps), run(graphed(said))
    assert said == []
    assert found == expected
    assert_same(state.state_dict(), without.state_dict())
    if isinstance(state.augmentation, Ada) and not state.augmentation.fixed_p:
        assert state.augmentation.p > 0.2, "p has moved while graphs ran"
    assert state.mean_path_length > 0


def test_every_step_becomes_a_graph_and_the_step_itself_is_then_left_alone(said):
    state, taken = state_of(), graphed(said)
    train(state, taken, 6)
    for step in taken:
        step.step = None
    train(state, taken, 4)


def set_r1(state):
    state.settings = dataclasses.replace(state.settings, r1=state.settings.r1 / 2)


def set_rate(state):
    state.d_optim.param_groups[0]["lr"] /= 2


def set_weight(state):
    state.methods[0].weight /= 2


@pytest.mark.parametrize(
    "change, without_graph, said_of",
    [
        (set_r1, ["r1_step"], "r1 is 5.0, and was 10.0"),
        (set_rate, TrainingSteps._fields, "D's learning rate is "),
        (set_weight, TrainingSteps._fields, "StructureLoss.weight is 0.5, and was 1.0"),
    ],
    ids=["settings", "optimizer", "method"],
)
def test_a_number_that_changes_takes_effect_and_is_said_once(change, without_graph, said_of, said):
    def run(taken):
        state, logs = state_of(StructureLoss(2)), []
        for iterations in (6, 2, 4):
            logs += train(state, taken, iterations)
            change(state)
        return logs, state

    taken = graphed(said)
    (found, state), (expected, without) = run(taken), run(steps)
    assert found == expected
    assert_same(state.state_dict(), without.state_dict())
    assert [name for name in TrainingSteps._fields if not getattr(taken, name).graph] == list(without_graph)
    assert len(said) == len(without_graph) and all(said_of in line for line in said)


def test_skipped_updates_are_counted_in_graphs(said):
    def run(taken):
        state = state_of()
        train(state, taken, 6)
        with torch.no_grad():
            state.generator.conv1.conv.weight.fill_(float("nan"))
        train(state, taken, 3)
        return state

    state, without = run(graphed(said)), run(steps)
    assert int(state.guard.total) == int(without.guard.total) > 0
    assert_same(state.guard.state_dict(), without.guard.state_dict())


def carried_out_then_broken(state, step):
    step()
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nand more")


def off_by_a_tenth(state, step):
    replay, logs = recorded(state, step)

    def wrong():
        replay()
        for value in logs.values():
            value.mul_(1.1)

    return wrong, logs


def without_an_update(state, step):
    """The logs are right, and the weights stay."""
    replay, logs = recorded(state, step)

    def nearly():
        before = [(tensor, tensor.detach().clone()) for tensor in graphs.changing(state)]
        replay()
        with torch.no_grad():
            for tensor, saved in before:
                tensor.copy_(saved)

    return nearly, logs


@pytest.mark.parametrize(
    "record, reason",
    [
        (carried_out_then_broken, "2.00 GiB"),
        (off_by_a_tenth, "with the graph"),
        (without_an_update, "the update is 0 with the graph"),
    ],
)
@pytest.mark.parametrize("case", ["plain", "adaptive ADA"])
def test_a_graph_that_fails_is_said_once_and_leaves_no_trace(record, reason, case, said):
    state, without = (state_of(augmentation=CASES[case].get("augmentation", Augmentation)()) for _ in range(2))
    found, expected = train(state, graphed(said, record), 10), train(without, steps, 10)
    assert found == expected
    assert_same(state.state_dict(), without.state_dict())
    assert len(said) == 4 and all(reason in line and "\n" not in line for line in said)
    assert {name for name in TrainingSteps._fields for line in said if name in line} == set(TrainingSteps._fields)


@pytest.mark.parametrize("share", [0.05, 0.4, 0.7, 0.99])
def test_a_recording_that_breaks_off_anywhere_leaves_no_trace(share, said, monkeypatch):
    def broken(state, step):
        length = len(recorded(state, step)[0].__self__.operators)
        monkeypatch.setattr(Recording, "room", int(share * length))
        try:
            return recorded(state, step)
        finally:
            monkeypatch.setattr(Recording, "room", None)

    state, without = (state_of(StructureLoss(2), augmentation=OnDevice(fixed_p=0.5)) for _ in range(2))
    assert train(state, graphed(said, broken), 6) == train(without, steps, 6)
    assert_same(state.state_dict(), without.state_dict())
    assert len(said) == 4 and all("out of memory" in line for line in said)


class LooksAtItsLoss(TransferMethod):
    def generator_losses(self, batch):
        value = batch.w.square().mean()
        return {"w": Term(value, 1.0 if value.item() > 0 else 2.0)}


def test_a_method_that_reads_a_number_trains_without_a_graph_for_its_step(said):
    state, without = (state_of(LooksAtItsLoss()) for _ in range(2))
    assert train(state, graphed(said), 6) == train(without, steps, 6)
    assert len(said) == 1 and "generator_step" in said[0] and "_local_scalar_dense" in said[0]


def test_what_a_graph_keeps_of_its_inputs_shows(said):
    """It is recorded on the inputs of one call and tried on those of the next."""

    def step(state, real, brightness):
        return steps.discriminator_step(state, [real + brightness], drawn)

    state = state_of()
    drawn = [steps.draw_latents(state, 4)]
    taken = Graphed(step, recorded, said.append)
    for brightness in (0, 1, 2, 3):
        taken(state, torch.randn(4, 3, 16, 16), brightness)
    assert len(said) == 1 and "with the graph" in said[0]


def test_a_batch_of_another_shape_goes_past_the_graph(said):
    def run(taken):
        state = state_of()
        train(state, taken, 6)
        return taken.generator_step(state, [steps.draw_latents(state, 3)]), state

    (found, state), (expected, without) = run(graphed(said)), run(steps)
    assert found == expected
    assert_same(state.state_dict(), without.state_dict())


def test_logs_stay_as_they_were_when_the_graph_runs_again(said):
    state, taken = state_of(), graphed(said)
    train(state, taken, 6)
    logs = taken.generator_step(state, [steps.draw_latents(state, 4)])
    before = logs["g"].item()
    taken.generator_step(state, [steps.draw_latents(state, 4)])
    assert logs["g"].item() == before


class StaysOnTheDevice(TorchDispatchMode):
    """No operator reads on one device and writes on another. The taps of a filter are arguments of its launch."""

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        result = operator(*args, **kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
        assert len({tensor.device for tensor in tensors}) < 2 or "upfirdn2d" in operator.name(), operator.name()
        return result


@pytest.mark.parametrize("kind", [Augmentation, Ada, DiffAugment])
@pytest.mark.parametrize("methods", [(), (FreezeG(1), FreezeStyle(2), StructureLoss(2))], ids=["", "methods"])
def test_no_number_passes_between_host_and_device(methods, kind, monkeypatch):
    """On tensors that hold no numbers, so that whoever looks at one raises."""
    build._define()
    monkeypatch.setattr(build, "has_kernel", lambda x, impl: True)
    monkeypatch.setattr(resample, "_separated", lambda kernel: [tuple(map(torch.ones, kernel.shape))] * 2)  # read once
    monkeypatch.setattr(sys.modules["augment.pipeline"], "_full_precision", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: None)
    state = state_of(*methods, augmentation=kind())
    for network in (state.generator, state.discriminator, state.source):
        network.to("meta").compute_dtype = torch.bfloat16
    state.mean_path_length = state.mean_path_length.to("meta")
    state.rng = None
    state.augmentation.to("meta")
    reals, latents = [torch.randn(4, 3, 16, 16, device="meta")], [steps.draw_latents(state, 4)]
    with StaysOnTheDevice():
        logs = steps.discriminator_step(state, reals, latents) | steps.r1_step(state, reals)
        logs |= steps.generator_step(state, latents) | steps.path_length_step(state, latents)
    assert {value.device.type for value in logs.values()} == {"meta"}


@pytest.mark.parametrize("method", [None, LooksAtItsLoss()], ids=["", "one fails"])
def test_the_recorder_registers_the_random_numbers_and_shares_memory(method, said, stand_in):
    methods = [method] if method else []
    state, without = (state_of(*methods, augmentation=OnDevice(fixed_p=0.5)) for _ in range(2))
    stand_in.optimizers = state.g_optim, state.d_optim
    assert train(state, graphed(said, graphs.CudaRecorder()), 6) == train(without, steps, 6)
    assert_same(state.state_dict(), without.state_dict())
    assert not any(group["capturable"] for optimizer in stand_in.optimizers for group in optimizer.param_groups)
    assert stand_in.pools == ([0, 0, 1, 2, 2] if method else [0] * 4), "once more elsewhere, to end what was broken off"
    assert len(said) == len(methods)


def test_memory_that_no_graph_uses_any_more_is_not_recorded_in_again(stand_in):
    state, record = state_of(), graphs.CudaRecorder()
    record(state, dict)
    held = [record(state, dict) for _ in range(2)]
    assert stand_in.pools == [0, 1, 1] and held


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA error: operation not permitted"), torch.OutOfMemoryError("out of memory")]
)
@pytest.mark.parametrize("earlier", [0, 2])
def test_after_a_recording_that_broke_off_random_numbers_can_be_drawn_and_others_recorded(error, earlier, stand_in):
    state, record = state_of(), graphs.CudaRecorder()
    held = [record(state, dict) for _ in range(earlier)]

    def breaks():
        torch.randn(3, generator=state.rng)
        raise error

    with pytest.raises(type(error), match=str(error)):
        record(state, breaks)
    assert stand_in.numbers_usable and stand_in.recorded_to is None
    held += [record(state, dict) for _ in range(2)]
    assert stand_in.pools[-1] == stand_in.pools[-2], "these share their memory"
    out_of_memory = isinstance(error, torch.OutOfMemoryError)
    assert (stand_in.pools[-1] == stand_in.pools[0]) == (out_of_memory and earlier > 0), "no memory is given up needlessly"
    assert len(record.broken) == (not out_of_memory)


def test_a_version_that_registers_nobody_is_no_obstacle(stand_in, monkeypatch):
    monkeypatch.delattr(StandIn.CUDAGraph, "register_generator_state")
    graphs._register(torch.cuda.CUDAGraph(), None)


@pytest.mark.parametrize("wanted", [True, False])
def test_on_a_cpu_the_steps_are_the_plain_ones(wanted, said):
    assert list(graphs.training_steps(state_of(), said.append, wanted)) == [
        getattr(steps, name) for name in TrainingSteps._fields
    ]


def test_margins_of_a_recording_change_the_losses_by_rounding_only(said, monkeypatch):
    """As on a GPU: the step pads as far as its matrices reach, the graph as far as any could."""
    entered = []
    monkeypatch.setattr(geometric, "_being_recorded", lambda images: bool(entered))

    def record(state, step):
        entered.append(True)
        with contextlib.closing(contextlib.ExitStack()) as stack:
            stack.callback(entered.clear)
            return recorded(state, step)

    state, without = (state_of(augmentation=OnDevice(fixed_p=0.6)) for _ in range(2))
    found, expected = train(state, graphed(said, record), 5), train(without, steps, 5)
    assert said == []
    for ours, theirs in zip(found, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-2, abs=1e-3)


@pytest.mark.cuda
@every_case
def test_on_a_gpu_losses_with_and_without_graphs_agree(case, said, monkeypatch):
    monkeypatch.undo()

    def run(wanted):
        state = state_of(
            *case.get("methods", ()),
            augmentation=case.get("augmentation", Augmentation)(),
            mixing=case.get("mixing", 0.5),
            device="cuda",
        )
        state.generator.compute_dtype = state.discriminator.compute_dtype = case.get("precision")
        taken = graphs.training_steps(state, said.append, wanted)
        return train(state, taken, 10, case.get("accumulate", 1)), state, taken

    (expected, without, _), (found, state, taken) = run(False), run(True)
    assert said == []
    assert all(step.graph for step in taken)
    tolerance = 0.2 if "precision" in case else 0.02
    for ours, theirs in zip(found, expected, strict=True):
        skip = {"r_t"}
        assert {n: v for n, v in ours.items() if n not in skip} == pytest.approx(
            {n: v for n, v in theirs.items() if n not in skip}, rel=tolerance, abs=tolerance
        )
    assert torch.equal(state.rng.get_state(), without.rng.get_state()), "as many random numbers"


@pytest.mark.cuda
def test_on_a_gpu_a_step_that_reads_a_number_trains_on_without_a_graph(said):
    state = state_of(LooksAtItsLoss(), augmentation=Ada(fixed_p=0.5), device="cuda")
    taken = graphs.training_steps(state, said.append)
    logs = train(state, taken, 10)
    assert len(said) == 1 and "generator_step" in said[0]
    assert taken.discriminator_step.graph and taken.r1_step.graph and taken.path_length_step.graph
    assert all(value == value for line in logs for value in line.values())
    torch.randn(3, device="cuda")  # the global random numbers are whole as well
