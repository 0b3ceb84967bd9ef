"""The compiled operators, where this machine can build them."""

import os

import pytest

from op import build, roads

REASON = build.status()
BUILT = REASON.startswith("built")
needs_compiler = pytest.mark.skipif(not BUILT, reason=REASON)
IMPLS = ["ref", "torch", pytest.param("cpu", marks=needs_compiler)]


def needs_nvcc() -> None:
    """Skips where there is no nvcc for this PyTorch. One that is there and fails is no reason."""
    if os.environ.get("CARTOON_KERNELS"):
        pytest.skip("CARTOON_KERNELS chooses another road")
    try:
        roads._nvcc_key()
    except roads.BuildError as error:
        pytest.skip(str(error))
