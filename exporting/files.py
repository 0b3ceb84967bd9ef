"""Write a network as ONNX, and compare the file with it before it has its name.

    written = write(Path("cartoon.onnx"), PhotoToCartoon(source, target, encoder), {"licence": "MIT"})
    written.error                                             # how far pictures are from PyTorch's

Opset 18, a batch of any size, one file with all weights, read by onnxruntime, browsers, phones.
"""

import logging
import os
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import op
from errors import InputError, named, printable
from exporting.networks import Recorded
from writing import whole_file

OPSET = 18
TOLERANCE = 1e-4  # of values up to 1; of larger ones, times the largest
COUNTS = (1, 3)  # pictures that are compared, at a time
LEAST_HALVED = 64  # numbers of a tensor that is worth half precision
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
LARGEST = 0.97 * 2**31  # bytes, and the rest of the graph
PROJECT = Path(__file__).parent.parent / "pyproject.toml"


class Written(NamedTuple):
    """error: the largest difference from PyTorch; rounding: that of half precision, before and after; size: bytes."""

    error: float
    rounding: float
    size: int


@torch.no_grad()
def write(path: Path, network: Recorded, told: Mapping[str, str], half: bool = False) -> Written:
    """The network, which is changed by `half`, as the file `path`.

    told: beside what the network says of itself
    half: round weights to half precision, and keep them so in the file; whoever reads it computes in float32
    Raises InputError, and leaves no file, where it does not do the same as the network, or a package is missing.
    """
    check_packages()
    _check_size(network)
    network = network.eval().requires_grad_(False)
    with named(str(path)), whole_file(path, durable=True) as partial:
        partial.touch()  # what forbids it is told before the work
        rounding = _round(network) if half else 0.0
        model = _model(network, {**_facts(network), **told})
        if half:
            _halve(model)
        partial.write_bytes(model.SerializeToString())
        error = max(_apart(_run(partial, inputs), network(*inputs)) for inputs in map(network.examples, COUNTS))
        if not error <= TOLERANCE:
            raise InputError(f"not written: what it draws differs from PyTorch by {error:.2g}, more than {TOLERANCE:g}")
        return Written(error, rounding, partial.stat().st_size)


def check_packages() -> None:
    """Raises InputError where one is missing."""
    try:
        for name in PACKAGES:
            __import__(name)
    except ImportError as error:
        raise InputError(f"writing ONNX needs packages: pip install -e .[onnx] ({error})") from None


def _check_size(network: Recorded) -> None:
    size = sum(tensor.nbytes for tensor in network.state_dict().values())
    if size > LARGEST:
        raise InputError(f"{size / 2**30:.1f} GiB of weights are more than a file of ONNX holds, {LARGEST / 2**30:.1f}")


def _facts(network: Recorded) -> dict[str, str]:
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    versions = {project["name"]: project["version"], **{name: version(name) for name in ("torch", "onnx")}}
    made_by = ", ".join(f"{name} {number}" for name, number in versions.items())
    facts = {"kind": network.kind, "size": str(network.size), "made_by": made_by}
    return (
        facts
        | {f"input {name}": text for name, text in network.inputs.items()}
        | {f"output {name}": text for name, text in network.outputs.items()}
    )


def _model(network: Recorded, facts: Mapping[str, str]):
    """The ModelProto, without the lines of Python that each node came from."""
    import onnx

    with _quiet(), _recording(), op.plain():
        program = torch.onnx.export(
            network,
            network.examples(2),
            input_names=[*network.inputs],
            output_names=[*network.outputs],
            dynamic_shapes=[{0: torch.export.Dim("batch")} if i == 0 else None for i in range(len(network.inputs))],
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = program.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    del model.graph.value_info[:]
    onnx.helper.set_model_props(model, {key: str(text) for key, text in facts.items()})
    onnx.checker.check_model(model)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """What the recorder remarks is of use to its authors alone."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _recording() -> Iterator[None]:
    """Turn whatever the recorder raises into an InputError: its errors have no common kind."""
    try:
        yield
    except Exception as error:
        cause = error
        while cause.__cause__:
            cause = cause.__cause__
        versions = ", ".join(f"{name} {version(name)}" for name in ("torch", *PACKAGES))
        raise InputError(f"PyTorch cannot record this network: {printable(str(cause), 200)} ({versions})") from error


def _round(network: Recorded) -> float:
    """The networks within it to what half precision holds; by how much that changes what it gives.

    Raises InputError where half precision holds too little. What was computed from them, which is small, stays as it is.
    """
    inputs = network.examples(2)
    exact = network(*inputs)
    for part in network.children():
        for name, tensor in [*part.named_parameters(), *part.named_buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())
                if not tensor.isfinite().all():
                    raise InputError(f"{name}: has numbers beyond those of half precision")
    return _apart(network(*inputs), exact)


def _halve(model) -> None:
    """Keep in half precision what loses nothing by it, each with a cast before it is used."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LEAST_HALVED:
            continue
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if np.array_equal(half, values):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _run(path: Path, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """What the file gives."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(os.fspath(path), options, ["CPUExecutionProvider"])
        given = dict(zip((one.name for one in session.get_inputs()), (tensor.numpy() for tensor in inputs)))
        return [torch.from_numpy(part) for part in session.run(None, given)]
    except Exception as error:  # its errors have no common kind
        raise InputError(f"not written: onnxruntime cannot run it: {printable(str(error), 200)}") from None


def _apart(ours: Tensor | tuple[Tensor, ...], theirs: Tensor | tuple[Tensor, ...]) -> float:
    """The largest difference, of values up to 1, or of larger ones in parts of the largest. NaN is one as well."""
    ours, theirs = ((some,) if isinstance(some, Tensor) else some for some in (ours, theirs))
    apart = [((a - b).abs().max() / b.abs().max().clamp(min=1)).item() for a, b in zip(ours, theirs, strict=True)]
    return max(apart, key=lambda one: (one != one, one))
