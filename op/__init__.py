"""The operators that StyleGAN2 adds to PyTorch: FIR resampling, everything that follows a convolution in one, affine maps.

`impl="ref"` is the readable definition, `"torch"` the fast form in plain PyTorch, `"cpu"` and `"cuda"` the compiled ones
(kernels.cpp; kernels.cuh), built on first use; all are differentiable to any order. `impl="auto"` takes the fastest that
runs here, and within `plain()`, which is for exporting a network, what is made of PyTorch's own operators alone.

`modulate` scales each channel, in one pass for each derivative. `conv2d` and `conv_transpose2d` are PyTorch's, but where those
are slow to differentiate; `input_gradient` is for penalties on gradients.
"""

from op.convolution import conv2d, conv_transpose2d
from op.fused_act import FusedLeakyReLU, fused_leaky_relu
from op.gradients import input_gradient
from op.modulation import modulate
from op.resample import upfirdn2d
from op.sample import affine_sample
from op.tracing import plain

__all__ = [
    "FusedLeakyReLU",
    "affine_sample",
    "conv2d",
    "conv_transpose2d",
    "fused_leaky_relu",
    "input_gradient",
    "modulate",
    "plain",
    "upfirdn2d",
]
