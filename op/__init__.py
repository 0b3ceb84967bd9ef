"""The two operators that StyleGAN2 adds to PyTorch: FIR resampling, and bias + leaky ReLU in one.

`impl="ref"` is the readable definition, `impl="torch"` the fast form in plain PyTorch; both are
differentiable to any order. `impl="auto"` takes the fastest that runs here.
"""

from op.fused_act import FusedLeakyReLU, fused_leaky_relu
from op.upfirdn2d import upfirdn2d

__all__ = ["FusedLeakyReLU", "fused_leaky_relu", "upfirdn2d"]
