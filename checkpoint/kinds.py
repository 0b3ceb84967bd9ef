"""What networks of other programs are called, by the names of their tensors. For the lines that refuse or leave them out.

described({"FC.0.weight": ..., "gamma.weight": ...})      # "a U-GAT-IT translator"
"""

import re
from collections.abc import Iterable

from torch import Tensor

# (what it is, patterns of which each must begin some name), the most particular first
KINDS = (
    ("a StyleGAN3 generator", (r"synthesis\.input\.(freqs|phases|transform)",)),
    ("a StyleGAN3 generator", (r"synthesis\.L\d+_\d+_\d+\.",)),
    ("a projected discriminator (Projected GAN, StyleGAN-XL)", (r"(discriminator\.)?(mini_discs|feature_network)\.",)),
    ("a generator of EG3D, which draws in 3D", (r"(backbone|superresolution|decoder)\.", r"backbone\.synthesis\.b4\.")),
    ("a StyleGAN generator in NVIDIA's layout", (r"synthesis\.b\d+\.",)),
    ("a synthesis network in NVIDIA's layout, without its mapping", (r"b\d+\.torgb\.", r"b\d+\.conv1\.")),
    ("a discriminator in NVIDIA's layout", (r"b\d+\.(fromrgb|conv0|skip)\.",)),
    ("a StyleGAN1 generator", (r"(generator\.)?progression\.\d+\.conv\d\.", r"(generator\.)?to_rgb\.\d+\.")),
    ("a StyleGAN1 discriminator", (r"progression\.\d+\.conv", r"from_rgb\.\d+\.")),
    ("a StyleGAN1 generator in another layout", (r"g_synthesis\.", r"g_mapping\.")),
    ("a StyleGAN generator in GenForce's layout", (r"synthesis\.layer\d+\.", r"mapping\.(dense|fc)\d+\.")),
    ("a StyleGAN2 generator in BasicSR's layout (GFPGAN)", (r"(stylegan_decoder\.)?style_mlp\.\d+\.", r".*style_conv")),
    ("a StyleGAN2 generator in MMGeneration's layout", (r"style_mapping\.\d+\.",)),
    ("a StyleGAN2 of lucidrains' package, another layout", (r"(GAN\.)?(G|GE)\.blocks\.\d+\.to_style1\.",)),
    ("a StyleGAN2 generator of lucidrains' package, another layout", (r"blocks\.\d+\.to_style1\.",)),
    ("a StyleSwin or transformer generator", (r"layers\.\d+\.blocks\.\d+\.(style|norm1\.style)",)),
    ("a U-GAT-IT translator", (r"(FC\.\d+\.weight|gamma\.weight)", r"(DownBlock|UpBlock1_1|ConvBlock1)\b")),
    ("a U-GAT-IT discriminator", (r"gap_fc\.", r"gmp_fc\.")),
    ("an AnimeGAN translator", (r"block_[a-e]\.\d+\.",)),
    ("a CycleGAN or pix2pix translator", (r"model\.\d+\.(conv_block|weight|model)", r"model\.1\.")),
    ("an encoder (pSp, e4e)", (r"(encoder\.)?input_layer\.", r"(encoder\.)?(body|styles)\.")),
    ("a face recognition network", (r"input_layer\.", r"(output_layer|body)\.")),
    ("an Inception network", (r"(.*\.)?Mixed_\d[a-e]\.",)),
    ("an LPIPS distance", (r"(lin\d|lins\.\d)\.",)),
    ("a CLIP network", (r"(clip\.)?(visual|text_model|vision_model|token_embedding)\b",)),
    ("a diffusion model", (r"(model\.)?(diffusion_model|down_blocks|input_blocks)\.",)),
    ("an autoencoder of a diffusion model", (r"(quant_conv|post_quant_conv)\.",)),
    ("a ResNet", (r"(module\.)?layer1\.0\.conv1\.", r"(module\.)?(fc|layer4)\.")),
    ("a VGG or AlexNet classifier", (r"features\.\d+\.weight", r"classifier\.")),
    ("a VGG's or AlexNet's layers", (r"features\.\d+\.weight",)),
    ("a StyleGAN2 discriminator", (r"final_conv\.0\.", r"convs\.\d+\.")),
    (
        "an encoder (its layers are those of a discriminator, without the judgement)",
        (r"convs\.0\.0\.weight", r"convs\.1\.conv1\."),
    ),
    ("a StyleGAN2 generator", (r"to_rgbs\.\d+\.", r"convs\.\d+\.")),
    ("a DCGAN network", (r"(main|network|net)\.0\.weight", r"(main|network|net)\.\d+\.weight")),
)
OURS = ("a StyleGAN2 generator", "a StyleGAN2 discriminator")
STYLEGAN1S = ("a StyleGAN1 generator", "a StyleGAN1 discriminator")
NVIDIAS = ("a StyleGAN generator in NVIDIA's layout", "a discriminator in NVIDIA's layout")
# The same for entries of a file's dict.
PROGRAMS = (("a U-GAT-IT translator", (r"gen_?(A2B|B2A)$",)),)
FILES = (
    ("a CycleGAN file", (r"(netG_|G_)?A2?B?$", r"(netG_|G_)?B2?A?$")),
    ("directions, which closed_form_factorization.py and scripts.ganspace write", (r"(eigvec|vectors|components)$",)),
    ("latents, which projector.py writes", (r"latents?$",)),
    ("an optimizer's state, without networks", (r"param_groups$", r"state$")),
    ("an average whose tensors have no names", (r"shadow_params$",)),
)


def described(names: Iterable[str], table: tuple = KINDS) -> str:
    """What has these names: the tensors of a state dict, or the entries of a dict (FILES, PROGRAMS); "" if it is not known."""
    names = [str(name) for name in names]
    for kind, patterns in table:
        if all(any(re.match(pattern, name) for name in names) for pattern in patterns):
            return kind
    return ""


def peculiar_generator(state: dict[str, Tensor]) -> str:
    """How a generator under our names differs from those that can be used; "" where it does not.

    Channels of its pictures, their shape, labels: what the shapes of its first tensors tell.
    """
    start, picture, first = (_shape(state, name) for name in ("input.input", "to_rgb1.bias", "style.1.weight"))
    if len(start) == 4 and (start[2], start[3]) != (4, 4) and start[1]:
        times = 2 ** len({name.split(".")[1] for name in state if re.match(r"to_rgbs\.\d+\.bias", name)})
        shape = "oblong" if start[2] != start[3] else "of another size than 4 x 4 at the start"
        return (
            f"{shape}: draws pictures of {start[3] * times} x {start[2] * times} px, and only square ones of 8 to 1024 px "
            f"can be used (input.input: expected [1, {start[1]}, 4, 4], found {start})"
        )
    if len(picture) == 4 and picture[1] != 3:
        return f"draws {_channels(picture[1])} (to_rgb1.bias: expected [1, 3, 1, 1], found {picture})"
    if len(first) == 2 and first[1] > first[0]:
        labels = f"{first[1] - first[0]} numbers of a label beside {first[0]} of z"
        return (
            f"its mapping takes {first[1]} numbers where {first[0]} are expected: a network with labels (conditional; "
            f"{labels}), or with a longer z, cannot be used (style.1.weight: expected [{first[0]}, {first[0]}], found {first})"
        )
    return ""


def peculiar_discriminator(state: dict[str, Tensor]) -> str:
    """The same for a discriminator."""
    look, last, judge, conv = (
        _shape(state, name)
        for name in ("convs.0.0.weight", "final_linear.0.weight", "final_linear.1.weight", "final_conv.0.weight")
    )
    if len(look) == 4 and look[1] != 3:
        return f"looks at {_channels(look[1])} (convs.0.0.weight: expected [{look[0]}, 3, 1, 1], found {look})"
    if len(last) == 2 and len(conv) == 4 and last[1] != 16 * conv[0] and conv[0] and last[1] % conv[0] == 0:
        return (
            f"oblong: ends with {last[1] // conv[0]} places in place of 4 x 4, and only pictures that are square can be used "
            f"(final_linear.0.weight: expected [{last[0]}, {16 * conv[0]}], found {last})"
        )
    if len(judge) == 2 and judge[0] != 1:
        return (
            f"judges with labels (conditional), which cannot be used "
            f"(final_linear.1.weight: expected [1, {judge[1]}], found {judge})"
        )
    return ""


def _channels(count: int) -> str:
    kinds = {1: "grey", 2: "grey and transparency", 4: "RGB and transparency", 6: "two pictures"}
    kind = f" ({kinds[count]})" if count in kinds else ""
    return f"pictures of {count} channel{'s' * (count != 1)}{kind}; only 3 (RGB) can be used"


def _shape(state: dict[str, Tensor], name: str) -> list[int]:
    return list(state[name].shape) if name in state else []
