"""Compiled operators are compared with their definitions before anyone uses them, and wrong ones are not used."""

import os
import subprocess
import sys
import types
import warnings

import pytest
import torch

from op import build, fused_leaky_relu, kernels, roads, trial
from tests.op import emulated
from tests.op.compiled import needs_compiler
from tests.pictures import random_pictures

CPU = torch.device("cpu")
DTYPES = build.TYPES["cuda"]
needs_emulation = pytest.mark.skipif(emulated.reason() is not None, reason=str(emulated.reason()))


@pytest.fixture
def on_gpu(monkeypatch):
    """As on a GPU: all types, and images channel by channel, by the operators that are then put in place."""
    monkeypatch.setattr(trial, "only_cpu", list)
    monkeypatch.setattr(build, "has_kernel", lambda x, impl: impl == "trial")
    monkeypatch.setattr(build, "takes_planes", torch.Tensor.is_contiguous)
    return lambda ops: monkeypatch.setattr(torch.ops, "cartoon_stylegan2", ops)


@pytest.fixture
def forgetful(monkeypatch):
    """The process knows no verdict yet, and none afterwards."""
    for known in (build._verdict, build._trusted):
        known.cache_clear()
    yield
    monkeypatch.undo()
    for known in (build._verdict, build._trusted):
        known.cache_clear()


def changed(ops, **operators):
    """These operators, but for those named: their results are passed through a function."""

    def with_change(name, change):
        return lambda *arguments: change(getattr(ops, name)(*arguments))

    known = {name: getattr(ops, name) for name in (*build.SCHEMAS, *build.ONLY_CPU) if hasattr(ops, name)}
    return types.SimpleNamespace(**known | {name: with_change(name, change) for name, change in operators.items()})


def nth_changed(index):
    return lambda results: tuple(1.01 * r if i == index else r for i, r in enumerate(results))


def fails(result):
    raise RuntimeError("CUDA error: an illegal memory access\nwas encountered")


WRONG = {
    "upfirdn2d off by 1 %": ({"upfirdn2d": lambda y: 1.01 * y}, "upfirdn2d", "value off by"),
    "upfirdn2d of a shifted image": ({"upfirdn2d": lambda y: y.roll(1, 3)}, "upfirdn2d", "value off by"),
    "leaky_relu not a number": ({"leaky_relu": lambda y: y * float("nan")}, "leaky_relu", "value off by nan"),
    "leaky_relu with a wrong slope": ({"leaky_relu": lambda y: torch.where(y < 0, 1.5 * y, y)}, "leaky_relu", "value off by"),
    **{
        f"gradient {i} off by 1 %": ({"leaky_relu_backward": nth_changed(i)}, "leaky_relu", "gradient off by") for i in range(4)
    },
    "affine_sample off by 1 %": ({"affine_sample": lambda y: 1.01 * y}, "affine_sample", "value off by"),
    "affine_scatter off by 1 %": ({"affine_scatter": lambda x: 1.01 * x}, "affine_sample", "gradient off by"),
    "an error": ({"leaky_relu_backward": fails}, "leaky_relu", "an illegal memory access was encountered"),
}


@needs_compiler
def test_the_operators_of_this_machine_are_right():
    assert trial.difference(CPU, torch.float32) == ""


@needs_compiler
@pytest.mark.parametrize("change, name, what", WRONG.values(), ids=WRONG)
def test_a_wrong_operator_is_found(change, name, what, monkeypatch):
    monkeypatch.setattr(torch.ops, "cartoon_stylegan2", changed(torch.ops.cartoon_stylegan2, **change))
    said = trial.difference(CPU, torch.float32)
    assert said.startswith(name) and what in said and "\n" not in said


@needs_emulation
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_cuda_kernels_are_right(dtype, on_gpu):
    on_gpu(emulated.operators("kernels.cu"))
    assert trial.difference(CPU, dtype) == ""


@needs_emulation
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_trial_uses_every_kernel_of_its_type(dtype, on_gpu):
    used = set()

    def launch(name, *arguments):
        used.add(name)
        emulated.launch(name, *arguments)

    on_gpu(types.SimpleNamespace(**kernels.operators(launch)))
    assert trial.difference(CPU, dtype) == ""
    others = {kernels.TYPES[other] for other in DTYPES if other != dtype}
    assert used == {name for name in emulated.kernel_names() if not others & set(name.split("_"))}


@needs_emulation
@pytest.mark.parametrize(
    "change, name, what", [WRONG[key] for key in ("upfirdn2d off by 1 %", "gradient 1 off by 1 %", "an error")]
)
def test_a_wrong_cuda_kernel_is_found_and_types_are_judged_alone(change, name, what, on_gpu, tmp_path):
    ops = emulated.operators("kernels.py")
    wrong = changed(ops, **change)

    def chosen(operator):
        def call(x, *rest):
            return getattr(wrong if x.dtype == torch.float16 else ops, operator)(x, *rest)

        return call

    # 1 % is more than the rounding of float16, and less than that of bfloat16.
    on_gpu(types.SimpleNamespace(**{operator: chosen(operator) for operator in build.SCHEMAS}))
    verdict = trial.verdict(tmp_path, CPU, [torch.float16, torch.bfloat16])
    assert list(verdict.wrong) == [torch.float16]
    assert name in verdict.wrong[torch.float16] and what in verdict.wrong[torch.float16]


@pytest.mark.parametrize("reason", ["", "upfirdn2d: off"])
def test_a_verdict_is_remembered_for_the_machine(reason, tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(trial, "difference", lambda device, dtype: tried.append(dtype) or reason)
    first, second = (trial.verdict(tmp_path, CPU, [torch.float32]) for _ in range(2))
    assert first.wrong == second.wrong == ({torch.float32: reason} if reason else {})
    assert first.fresh and not second.fresh and tried == [torch.float32]
    monkeypatch.setattr("platform.node", lambda: "another")
    assert trial.verdict(tmp_path, CPU, [torch.float32]).fresh
    for file in tmp_path.glob("*.json"):
        file.write_text("{")
    assert trial.verdict(tmp_path, CPU, [torch.float32]).fresh, "a damaged memory is none"
    assert not [file for file in tmp_path.iterdir() if file.suffix != ".json"]


def test_where_nothing_can_be_remembered_the_verdict_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "difference", lambda device, dtype: "off")
    for _ in range(3):
        verdict = trial.verdict(tmp_path / "missing", CPU, [torch.float32])
        assert verdict.wrong == {torch.float32: "off"} and verdict.fresh


def test_a_trial_that_ends_the_process_is_not_begun_for_ever(tmp_path, monkeypatch):
    def crash(device, dtypes):
        raise SystemExit

    monkeypatch.setattr(trial, "_tried", crash)
    for _ in range(trial.MOST_ATTEMPTS):
        with pytest.raises(SystemExit):
            trial.verdict(tmp_path, CPU, [torch.float32])
    assert "did not come back" in trial.verdict(tmp_path, CPU, [torch.float32]).wrong[torch.float32]


@needs_compiler
@pytest.mark.parametrize(
    "mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")], ids=["no_grad", "inference_mode", "autocast"]
)
def test_it_does_not_matter_in_what_mode_the_first_use_is(mode, tmp_path):
    with mode(), torch.device("meta"):
        assert trial.verdict(tmp_path, CPU, [torch.float32]).wrong == {}


@needs_compiler
def test_wrong_operators_are_said_once_and_plain_pytorch_does_the_work(forgetful, tmp_path, monkeypatch):
    monkeypatch.setitem(build._folders, "cpu", tmp_path)
    wrong = changed(torch.ops.cartoon_stylegan2, leaky_relu=lambda y: 2 * y)
    monkeypatch.setattr(torch.ops, "cartoon_stylegan2", wrong)
    x = torch.tensor([[-1.0, 1.0]])
    with pytest.warns(RuntimeWarning, match="not trusted.*float32 on cpu, leaky_relu.*delete it to try again") as caught:
        assert all(torch.equal(fused_leaky_relu(x), fused_leaky_relu(x, impl="ref")) for _ in range(2))
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
    with pytest.raises(roads.BuildError, match="leaky_relu"):
        fused_leaky_relu(x, impl="cpu")
    assert build.status().startswith("built with") and "leaky_relu" in build.doubts("cpu")
    build._verdict.cache_clear(), build._trusted.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(fused_leaky_relu(x), fused_leaky_relu(x, impl="ref")), "a later process knows, and is silent"


def test_the_first_use_cannot_be_recorded(forgetful, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    with pytest.raises(RuntimeError, match="call one before"):
        build._verdict(torch.device("cuda", 0))


# ----------------------------------------------------------------------------------------------------------------------
# By command, with a library whose source is wrong

BROKEN = """
import runpy, sys
from pathlib import Path
from op import build, roads
roads.CPU_SOURCE, roads.CPU_FLAGS = Path(sys.argv[1]), roads.CPU_FLAGS.replace("-O3", "-O0")
sys.argv = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def wrong_source(tmp_path_factory):
    """The gradient of the demodulation lacks a factor: a training would run, and learn less well."""
    path, source = tmp_path_factory.mktemp("wrong") / "kernels.cpp", roads.CPU_SOURCE.read_text()
    right = "sum_demod[c] += value * x[c];"
    assert right in source
    path.write_text(source.replace(right, "sum_demod[c] += value;"))
    return path


def with_broken(source, cache, *command, **environment):
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, str(source), *map(str, command)],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
@needs_compiler
def test_a_run_with_wrong_kernels_is_the_run_without_them(wrong_source, tmp_path):
    (tmp_path / "faces").mkdir()
    pictures = random_pictures(tmp_path / "faces", 8)
    flags = ["--device", "cpu", "--size", 16, "--channel_base", 64, "--channel_max", 8, "--style_dim", 8, "--n_mlp", 2]
    flags += ["--batch", 4, "--n_sample", 4, "--iter", 4, "--augment", pictures]
    runs = {}
    for name, environment in {"wrong": {}, "again": {}, "off": {"CARTOON_KERNELS": "off"}}.items():
        folder = tmp_path / name
        done = with_broken(wrong_source, tmp_path, "train", "--outdir", folder, *flags, **environment)
        assert done.stderr.count("not trusted") == (name == "wrong"), done.stderr
        runs[name] = torch.load(folder / "checkpoints" / "000004.pt", weights_only=True)
    for name in ("wrong", "again"):
        for network in ("g", "d", "g_ema"):
            assert all(torch.equal(runs[name][network][key], value) for key, value in runs["off"][network].items()), name
    (line,) = (
        line for line in with_broken(wrong_source, tmp_path, "scripts.doctor").stdout.splitlines() if "operators" in line
    )
    assert line.startswith("!") and "leaky_relu" in line and "gradient" in line and "to try again" in line
