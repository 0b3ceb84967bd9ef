"""The CUDA kernels against the definition: every argument, layout and type, to the second derivative.

The same tests run on a GPU (marked cuda) and, thread by thread, on a CPU, which says nothing about speed. Both hosts of the
kernels are tested: op/kernels.cu, and op/kernels.py for machines without nvcc.
"""

import ctypes
import types

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from model import make_kernel
from op import build, fused_leaky_relu, kernels, modulate, nvrtc, roads, upfirdn2d
from op.resample import out_size
from tests.op import emulated
from tests.op.compiled import needs_nvcc

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}


@pytest.fixture(
    params=[
        "emulated kernels.cu",
        "emulated kernels.py",
        pytest.param("kernels.cu", marks=pytest.mark.cuda),
        pytest.param("kernels.py", marks=pytest.mark.cuda),
    ]
)
def host(request, monkeypatch) -> types.SimpleNamespace:
    """The operators of one host, put in the place of the compiled ones; and the device that they run on."""
    *emulation, name = request.param.split()
    if emulation:
        if emulated.reason():
            pytest.skip(emulated.reason())
        ops = emulated.operators(name)
        monkeypatch.setattr(build, "has_kernel", lambda x, impl: x.dtype in DTYPES)
    elif name == "kernels.py":
        ops = types.SimpleNamespace(**kernels.operators(gpu_launcher()))
    else:
        assert_built_with_nvcc()
        ops = torch.ops.cartoon_stylegan2
    monkeypatch.setattr(torch.ops, "cartoon_stylegan2", ops)
    return types.SimpleNamespace(ops=ops, device=torch.device("cpu" if emulation else "cuda", None if emulation else 0))


def assert_built_with_nvcc() -> None:
    """Fails where there is an nvcc for this PyTorch, and skips where there is none."""
    if build._failure("cuda") is None and build._built["cuda"].startswith("built with nvcc"):
        return
    needs_nvcc()
    pytest.fail(f"the operators are not built with nvcc: {build._failure('cuda') or build._built['cuda']}")


def gpu_launcher():
    folder = build._folder(roads._nvrtc_key())
    if not (folder / "tested.cubin").exists():
        roads._nvrtc_build(folder / "tested.cubin")
    return nvrtc.launcher((folder / "tested.cubin").read_bytes())


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def assert_as_exact(ours: Tensor, plain: Tensor, truth: Tensor, what: str = "value", summed: float = 0.0):
    """The error is at most three times that of plain PyTorch in the same type, and a few roundings of the result; or one
    rounding of the `summed` sizes of what adds up to it, which may nearly cancel.
    """
    assert ours.dtype == plain.dtype and ours.shape == truth.shape, what
    error, allowed = ((t.detach().cpu().double() - truth).abs().max().item() for t in (ours, plain))
    assert error <= 3 * allowed + torch.finfo(ours.dtype).eps * max(4 * truth.abs().max().item(), summed), what


# ----------------------------------------------------------------------------------------------------------------------
# upfirdn2d

FILTERS = st.one_of(  # (up, down, taps) of an axis
    st.sampled_from([(1, 1, 4), (2, 1, 4), (1, 2, 4), (2, 1, 12), (1, 2, 12)]),
    st.tuples(st.integers(1, 3), st.just(1), st.integers(1, 13)),
    st.tuples(st.just(1), st.integers(1, 3), st.integers(1, 13)),
)
FORMS = [(1, 1, 4, (2, 1)), (2, 1, 4, (2, 1)), (1, 2, 4, (1, 1)), (2, 1, 12, (6, 5)), (1, 2, 12, (5, 5)), (2, 1, 4, (1, 2))]
FILTER_PAIRS = st.one_of(FILTERS.map(lambda one: (one, one)), st.tuples(FILTERS, FILTERS))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(st.integers(1, 3), st.sampled_from([1, 2, 3, 4, 5, 8, 12, 16])),
    st.tuples(st.integers(1, 13), st.integers(1, 13)),
    FILTER_PAIRS,
    st.tuples(*[st.integers(-3, 12)] * 4),
    st.sampled_from(list(LAYOUTS)),
    st.sampled_from(DTYPES),
)
def test_upfirdn2d_is_the_definition(host, batch_channels, size, filters, pad, layout, dtype):
    (up_y, down_y, taps_y), (up_x, down_x, taps_x) = filters
    x = random(*batch_channels, *size, dtype=dtype).contiguous(memory_format=LAYOUTS[layout])
    vertical, horizontal = random(taps_y, seed=1).float(), random(taps_x, seed=2).float()
    kernel = torch.outer(vertical, horizontal).flip(0, 1)
    arguments = (up_x, up_y), (down_x, down_y), pad
    try:
        truth = upfirdn2d(x.double(), torch.outer(vertical.double(), horizontal.double()).flip(0, 1), *arguments, impl="ref")
    except ValueError:
        return
    plain = upfirdn2d(x, kernel, *arguments, impl="ref")
    given = up_y, up_x, down_y, down_x, pad[2], pad[0], *truth.shape[2:]
    out = host.ops.upfirdn2d(x.to(host.device), vertical, horizontal, *given)
    assert out.is_contiguous(memory_format=torch.contiguous_format if x.is_contiguous() else torch.channels_last)
    assert_as_exact(out, plain, truth)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("up, down, taps, pad", FORMS)
@pytest.mark.parametrize("width", [70, 80])
def test_upfirdn2d_of_larger_images_with_its_derivatives(host, width, up, down, taps, pad, layout, dtype):
    x, kernel = random(2, 8, 21, width, dtype=dtype).to(memory_format=LAYOUTS[layout]), make_kernel(list(range(1, taps + 1)))

    def derivatives(x: Tensor, kernel: Tensor, impl: str) -> list[Tensor]:
        x = x.clone().requires_grad_()
        y = upfirdn2d(x, kernel, up, down, pad, impl)
        grad = random(*y.shape, seed=1).to(y).requires_grad_()
        (first,) = torch.autograd.grad(y, x, grad, create_graph=True)
        return [y, first, *torch.autograd.grad(first, grad, random(*x.shape, seed=2).to(x))]

    truth, plain = derivatives(x.double(), kernel.double(), "ref"), derivatives(x, kernel, "ref")
    ours = derivatives(x.to(host.device), kernel.to(host.device), "auto")
    for name, *values in zip(("value", "gradient", "second gradient"), ours, plain, truth):
        assert_as_exact(*values, name)


@pytest.mark.parametrize(
    "size, part",
    [((2, 8, 12, 10), lambda base: base[:, 1::2, 2:, ::3]), ((2 * 8 * 6 * 4 + 1,), lambda base: base[1:].view(2, 8, 6, 4))],
    ids=["strided", "unaligned"],
)
def test_strided_and_unaligned_images(host, size, part):
    base, kernel, bias = random(*size).float(), make_kernel([1, 3, 3, 1]), random(8, seed=1).float()

    def both(base: Tensor, bias: Tensor, impl: str) -> Tensor:
        x = part(base)
        return upfirdn2d(fused_leaky_relu(x, bias[: x.shape[1]], impl=impl), kernel.to(base), up=2, pad=(2, 1), impl=impl)

    out, truth = both(base.to(host.device), bias.to(host.device), "auto"), both(base.double(), bias.double(), "ref")
    torch.testing.assert_close(out.cpu().double(), truth, rtol=1e-5, atol=1e-5)


# ----------------------------------------------------------------------------------------------------------------------
# leaky_relu

IMAGES = [(2, 5, 4, 3), (1, 1, 2, 3), (2, 33, 7, 5), (2, 8, 4, 4), (2, 16, 33, 32), (1, 521, 2, 2), (1, 1100, 1, 2)]
OTHERS = [(3, 5), (3, 601), (1, 3, 2, 3, 2)]
CASES = [(shape, layout) for shape in IMAGES for layout in LAYOUTS] + [(shape, None) for shape in OTHERS]
TERMS = [[], ["bias"], ["demod"], ["noise", "strength"], ["bias", "demod", "noise", "strength"]]
NAMES = ("out", "grad_x", "grad_bias", "grad_demod", "grad_strength")


def terms_of(shape: tuple[int, ...], names: list[str], noise_of_one: bool) -> dict[str, Tensor]:
    batch, channels, *pixels = shape
    shapes = {
        "bias": (channels,),
        "demod": (batch, channels),
        "noise": (1 if noise_of_one else batch, 1, *pixels),
        "strength": (1,),
    }
    return {name: random(*shapes[name], seed=seed).float() for seed, name in enumerate(names, 3)}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("names", TERMS, ids="+".join)
@pytest.mark.parametrize("shape, layout", CASES, ids=str)
def test_leaky_relu_is_the_definition_with_its_gradients(host, shape, names, layout, dtype):
    x, grad = (random(*shape, seed=seed, dtype=dtype) for seed in (0, 1))
    if layout:
        x, grad = (t.contiguous(memory_format=LAYOUTS[layout]) for t in (x, grad))
    terms = terms_of(shape, names, noise_of_one=len(names) == 2)

    def results(dtype: torch.dtype | None) -> list[Tensor | None]:
        inputs = {"x": x, **terms}
        inputs = {name: (t if dtype is None else t.to(dtype)).requires_grad_(name != "noise") for name, t in inputs.items()}
        rest = {name: t for name, t in inputs.items() if name not in ("x", "bias")}
        out = fused_leaky_relu(inputs["x"], inputs.get("bias"), 0.3, 1.7, "ref", **rest)
        wanted = {name: t for name, t in inputs.items() if name != "noise"}
        grads = dict(zip(wanted, torch.autograd.grad(out, list(wanted.values()), grad.to(out.dtype))))
        return [out.detach(), *(grads.get(name) for name in ("x", "bias", "demod", "strength"))]

    truth, plain = results(torch.float64), results(None)
    if not names:  # no parameter that wants it, yet the sum for the bias is there
        truth[2] = truth[1].transpose(0, 1).flatten(1).sum(1)
        plain[2] = truth[2].float()
    there = {name: t.detach().to(host.device) for name, t in {"x": x, "grad": grad, **terms}.items()}
    bias, demod, noise, strength = (there.get(name) for name in ("bias", "demod", "noise", "strength"))
    out = host.ops.leaky_relu(there["x"], bias, demod, noise, strength, 0.3, 1.7)
    back = host.ops.leaky_relu_backward(there["grad"], out, there["x"] if demod is not None else None, demod, noise, 0.3, 1.7)
    for name, *values in zip(NAMES, (out, *back), plain, truth):
        if values[2] is not None:
            assert_as_exact(*values, name)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("names", TERMS[1:], ids="+".join)
def test_fused_leaky_relu_to_the_second_derivative(host, names, layout, dtype):
    shape = (2, 8, 7, 6)
    x, grad, cotangent = (random(*shape, seed=seed, dtype=dtype).to(memory_format=LAYOUTS[layout]) for seed in (0, 1, 2))
    terms = terms_of(shape, names, noise_of_one=False)

    def derivatives(impl: str, dtype: torch.dtype | None = None, device: torch.device | None = None, sizes: bool = False):
        def leaf(t: Tensor, name: str = "") -> Tensor:
            t = t.detach().to(device=device, dtype=dtype)
            return (t.abs() if sizes else t).requires_grad_(name != "noise")

        inputs, incoming = {name: leaf(t, name) for name, t in {"x": x, **terms}.items()}, leaf(grad)
        rest = {name: t for name, t in inputs.items() if name not in ("x", "bias")}
        out = fused_leaky_relu(inputs["x"], inputs.get("bias"), 0.3, 1.7, impl, **rest)
        wanted = [t for t in inputs.values() if t.requires_grad]
        plain = torch.autograd.grad(out, wanted, incoming, retain_graph=True)
        first = torch.autograd.grad(out, wanted, incoming, create_graph=True)
        total = sum((g * (leaf(cotangent).detach() if g.ndim == 4 else 1)).sum() for g in first)
        second = torch.autograd.grad(total, [incoming, *wanted], allow_unused=True, materialize_grads=True)
        return {f"{i}": t for i, t in enumerate([out, *plain, *first, *second])}

    truth, plain, summed = derivatives("ref", torch.float64), derivatives("ref"), derivatives("ref", torch.float64, sizes=True)
    for name, value in derivatives("auto", device=host.device).items():
        assert_as_exact(value, plain[name], truth[name], name, summed[name].abs().max().item())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(2, 8, 7, 6), (2, 3, 5, 4), (2, 16, 40, 36)], ids=str)
def test_modulate_to_the_second_derivative(host, shape, layout, dtype):
    x, grad = (random(*shape, seed=seed, dtype=dtype).to(memory_format=LAYOUTS[layout]) for seed in (0, 1))
    style = random(*shape[:2], seed=2).float()

    def derivatives(impl: str, dtype: torch.dtype | None = None, device: torch.device | None = None) -> list[Tensor]:
        leaves = [t.detach().to(device=device, dtype=dtype).requires_grad_() for t in (x, style, grad)]
        *inputs, incoming = leaves
        out = modulate(*inputs, impl)
        plain = torch.autograd.grad(out, inputs, incoming, retain_graph=True)
        first = torch.autograd.grad(out, inputs, incoming, create_graph=True)
        return [out, *plain, *first, *torch.autograd.grad(sum(g.float().sum() for g in first), leaves)]

    truth, plain = derivatives("ref", torch.float64), derivatives("ref")
    for name, value in enumerate(derivatives("auto", device=host.device)):
        assert_as_exact(value, plain[name], truth[name], str(name))


def test_fused_leaky_relu_takes_noise_in_the_type_of_x(host):
    terms = terms_of((2, 8, 4, 4), TERMS[-1], noise_of_one=False)
    there = {name: t.to(host.device) for name, t in terms.items() if name != "bias"}
    x = random(2, 8, 4, 4, dtype=torch.bfloat16).to(host.device)
    mixed = fused_leaky_relu(x, **{**there, "noise": there["noise"].bfloat16()})
    assert torch.equal(mixed, fused_leaky_relu(x, **{**there, "noise": there["noise"].bfloat16().float()}))
    assert mixed.dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", DTYPES[1:], ids=str)
@pytest.mark.parametrize("channels", [1, 8])
def test_rounding_is_that_of_pytorch(host, channels, dtype):
    ties = 1 + torch.arange(64) / (torch.finfo(dtype).eps ** -1 * 2)  # every other one lies between two numbers of the type
    special = torch.tensor([0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e30, -1e30, 1e-6, 3e-40])
    demod = torch.cat([ties, -ties, special, random(47, seed=1).float()]).view(-1, channels)
    x = torch.ones(*demod.shape, 1, 1, dtype=dtype, device=host.device)
    out = host.ops.leaky_relu(x, None, demod.to(host.device), None, None, 1.0, 1.0)
    torch.testing.assert_close(out.view(demod.shape).cpu(), demod.to(dtype), rtol=0, atol=0, equal_nan=True)


# ----------------------------------------------------------------------------------------------------------------------
# Launching

needs_emulation = pytest.mark.skipif(emulated.reason() is not None, reason=str(emulated.reason()))


def results_under(launch: kernels.Launch, dtype: torch.dtype, layout: torch.memory_format, channels: int = 8) -> list[Tensor]:
    """Something of every kernel."""
    ops = types.SimpleNamespace(**kernels.operators(launch))
    x = random(2, channels, 30, 48, dtype=dtype).contiguous(memory_format=layout)
    terms = terms_of(x.shape, TERMS[-1], noise_of_one=False)
    out = ops.leaky_relu(x, *(terms[name] for name in TERMS[-1]), 0.2, 1.4)
    results = [out, *ops.leaky_relu_backward(x, out, x, terms["demod"], terms["noise"], 0.2, 1.4)]
    part = x[:, :, :29, :47].contiguous(memory_format=layout)
    out = ops.leaky_relu(part, terms["bias"], None, None, None, 0.2, 1.4)
    results += [out, *ops.leaky_relu_backward(part, out, None, None, None, 0.2, 1.4)[:2]]
    for image in (x, part):
        for up, down, count, pad in [*FORMS, (1, 1, 3, (1, 1))]:
            size = out_size(image.shape[2:], (count, count), (up, up), (down, down), (*pad, *pad))
            taps = torch.arange(1.0, count + 1)
            results.append(ops.upfirdn2d(image, taps, taps, up, up, down, down, pad[0], pad[0], *size))
    return results


@needs_emulation
@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_depend_neither_on_the_grid_nor_on_the_order_of_threads(layout):
    expected = results_under(emulated.launch, torch.float32, LAYOUTS[layout])
    for blocks in (1, 2, 7, 100):

        def launch(name, arguments, wished, device, blocks=blocks):
            emulated.launch(name, arguments, blocks, device)

        assert all(map(torch.equal, results_under(launch, torch.float32, LAYOUTS[layout]), expected)), blocks
    emulated.library.run_backwards(True)
    try:
        backwards = results_under(emulated.launch, torch.float32, LAYOUTS[layout])
    finally:
        emulated.library.run_backwards(False)
    assert all(map(torch.equal, backwards, expected))


@needs_emulation
def test_every_kernel_is_in_use():
    used = set()
    for dtype in DTYPES:
        for layout in LAYOUTS.values():
            for channels in (3, 8):
                results_under(lambda name, *_: used.add(name), dtype, layout, channels)
    assert used == emulated.kernel_names()


@needs_emulation
def test_both_hosts_give_the_same_bits():
    ours, theirs = emulated.operators("kernels.py"), emulated.operators("kernels.cu")
    for shape in [(2, 16, 40, 36), (1, 3, 130, 131)]:
        for layout in LAYOUTS.values():
            x = random(*shape).float().contiguous(memory_format=layout)
            terms = terms_of(shape, TERMS[-1], noise_of_one=True)
            for names in (TERMS[-1], ["bias"]):
                bias, demod, noise, strength = (terms[n] if n in names else None for n in TERMS[-1])
                outs = [ops.leaky_relu(x, bias, demod, noise, strength, 0.2, 1.4) for ops in (ours, theirs)]
                source = x if demod is not None else None
                backs = [ops.leaky_relu_backward(x, outs[0], source, demod, noise, 0.2, 1.4) for ops in (ours, theirs)]
                given = 2 if demod is None else 4  # the others are unwritten memory
                assert torch.equal(*outs) and all(torch.equal(a, b) for a, b in zip(backs[0][:given], backs[1]))


@needs_emulation
@pytest.mark.parametrize("arguments", [kernels.Resample, kernels.Activation, kernels.ActivationBackward, kernels.Totals])
def test_arguments_have_the_same_size_in_both_languages(arguments):
    assert emulated.library.size_of(arguments.__name__.encode()) == ctypes.sizeof(arguments)


def test_a_build_with_nvcc_that_fails_is_no_reason_to_skip(monkeypatch):
    def broken() -> str:
        raise roads.BuildError("nvcc is not installed")

    monkeypatch.delenv("CARTOON_KERNELS", raising=False)
    monkeypatch.setattr(build, "_failure", lambda device: None)
    monkeypatch.setitem(build._built, "cuda", "built with nvcc, in a folder")
    assert_built_with_nvcc()
    monkeypatch.setitem(build._built, "cuda", "built with NVRTC, in a folder (nvcc fails: identifier is undefined)")
    monkeypatch.setattr(roads, "_nvcc_key", str)
    with pytest.raises(pytest.fail.Exception, match="identifier is undefined"):
        assert_built_with_nvcc()
    monkeypatch.setattr(roads, "_nvcc_key", broken)
    with pytest.raises(pytest.skip.Exception, match="not installed"):
        assert_built_with_nvcc()


@pytest.mark.cuda
@pytest.mark.parametrize("layout", LAYOUTS)
def test_operators_on_a_gpu_keep_the_rules_of_torch_library(layout):
    assert build._failure("cuda") is None
    shape = (2, 8, 6, 6)
    x = random(*shape).float().contiguous(memory_format=LAYOUTS[layout]).cuda()
    bias, demod, noise, strength = (t.cuda() for t in terms_of(shape, TERMS[-1], noise_of_one=False).values())
    taps, rules = torch.tensor([1.0, 3.0, 3.0, 1.0]), {"test_utils": ("test_schema", "test_faketensor")}
    ops = torch.ops.cartoon_stylegan2
    torch.library.opcheck(ops.upfirdn2d.default, (x, taps, taps, 2, 1, 1, 2, 2, 1, 12, 3), **rules)
    torch.library.opcheck(ops.leaky_relu.default, (x, bias, demod, noise, strength, 0.2, 1.4), **rules)
    torch.library.opcheck(ops.leaky_relu_backward.default, (x, x, x, demod, noise, 0.2, 1.4), **rules)


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["kernels.cu", "kernels.py"])
def test_operators_can_be_captured_in_a_cuda_graph(name, monkeypatch):
    if name == "kernels.py":
        monkeypatch.setattr(torch.ops, "cartoon_stylegan2", types.SimpleNamespace(**kernels.operators(gpu_launcher())))
    x = random(2, 8, 16, 16).float().cuda().contiguous(memory_format=torch.channels_last)
    kernel, bias = make_kernel([1, 3, 3, 1]).cuda(), random(8, seed=1).float().cuda()

    def step() -> Tensor:
        return fused_leaky_relu(upfirdn2d(x, kernel, up=2, pad=(2, 1), impl="cuda"), bias, impl="cuda")

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = step()
    x.copy_(random(2, 8, 16, 16, seed=5).float())
    graph.replay()
    assert torch.equal(out, step())
