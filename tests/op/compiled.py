"""The compiled operators, where this machine can build them."""

import pytest

from op import build

REASON = build.status()
BUILT = REASON.startswith("built")
needs_compiler = pytest.mark.skipif(not BUILT, reason=REASON)
IMPLS = ["ref", "torch", pytest.param("cpu", marks=needs_compiler)]
