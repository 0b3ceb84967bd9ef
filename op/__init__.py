"""The two operators that StyleGAN2 adds to PyTorch: FIR resampling, and everything that follows a convolution in one.

`impl="ref"` is the readable definition, `"torch"` the fast form in plain PyTorch, `"cpu"` and `"cuda"` the compiled ones
(kernels.cpp; kernels.cuh), built on first use; all are differentiable to any order. `impl="auto"` takes the fastest that
runs here.
"""

from op.fused_act import FusedLeakyReLU, fused_leaky_relu
from op.upfirdn2d import upfirdn2d

__all__ = ["FusedLeakyReLU", "fused_leaky_relu", "upfirdn2d"]
