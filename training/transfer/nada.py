"""NADA: words in place of pictures (StyleGAN-NADA, Gal et al. 2022, arXiv 2108.00946).

    python train.py --ckpt ffhq256.pt --clip_target "pencil sketch"

Where the source draws a photo, the target shall draw the same as a sketch: what changes between their two pictures shall lie,
in the space of CLIP, in the direction from the one word to the other. Without pictures to learn from that is all there is.
"""

import os

from cli import count_or_off, number
from errors import InputError, named
from training.transfer.base import Term, TransferMethod

SOFT = 0.05  # of a step in CLIP's space: below it a direction has no say yet. Source and target begin as the same, 0 apart
CHOOSING = 8  # latents that choose the layers


class NADA(TransferMethod):
    """1 - cos(E(G(w)) - E(G_source(w)), E(target) - E(source)), for the same w and noise; E: CLIP (Sec. 4.1, Eq. 3).

    source, target: words; `layers` train in each step, those that the words ask for most, None: all (Sec. 4.2)
    clip:           as `vision.clip_files.load` reads it

    Without pictures only convolutions train, as published; with them what the other methods leave.
    """

    needs_source = True
    alone = True
    terms = ("clip",)
    may_change = ("clip_weight", "clip")  # asked for in each step; the file may lie elsewhere

    def __init__(self, source: str, target: str, weight: float = 1.0, layers: int | None = None, clip: str | None = None):
        self.source, self.target, self.weight, self.layers, self.clip = source, target, weight, layers, clip

    @classmethod
    def add_arguments(cls, group):
        add = group.add_argument
        words = 'generator: learn what these words say, "pencil sketch"; needs no images (docs/words.md)'
        add("--clip_target", metavar="TEXT", help=words)
        add("--clip_source", default="photo", metavar="TEXT", help="what the source draws, in words (default: photo)")
        add("--clip_weight", type=number(float, above=0), default=1.0, metavar="X", help="its weight (default: 1)")
        chosen = "train only the N layers that the words ask for most, chosen anew in each step (default: all)"
        add("--clip_layers", type=count_or_off, default=-1, metavar="N", help=chosen)
        file = "CLIP's weights: a file, a folder, or MODEL/TAG in open_clip's cache (default: ViT-B-32/openai)"
        add("--clip", type=_from_any_folder, metavar="FILE", help=file)
        group.needs("--clip_source --clip_weight --clip_layers --clip", "--clip_target")

    @classmethod
    def from_args(cls, args):
        if args.clip_target is None:
            return None
        layers = args.clip_layers if args.clip_layers > 0 else None
        return cls(args.clip_source, args.clip_target, args.clip_weight, layers, args.clip)

    def frozen_parameters(self, generator, discriminator):
        import torch
        from torch.nn import functional as F

        from vision import clip_files

        self.generator, convolutions = generator, generator.convolutions()
        if self.layers and self.layers > len(convolutions):
            raise InputError(f"--clip_layers {self.layers}: the generator has {len(convolutions)} convolutions")
        with named(f"--clip {self.clip}" if self.clip else "--clip"):
            clip = clip_files.load(self.clip).to(generator.device)
        self.clip_name, self.eyes = clip.name, clip.eyes
        with named(f"--clip_target {self.target}"):
            self.direction = clip.direction(self.source, self.target)
            self.wanted = F.normalize(clip.concept(self.target).mean(0), dim=0)
        # 1 for each layer that trains in this step, and which of them some method froze: on the device, for CUDA graphs.
        self.free, self.chosen = None, torch.ones(len(convolutions), device=generator.device)
        if self.layers:
            for layer, module in convolutions.items():
                self._hold(module, layer)
        if self.pictures:
            return ()
        trains = {id(parameter) for module in convolutions.values() for parameter in module.parameters()}
        return (parameter for parameter in generator.parameters() if id(parameter) not in trains)

    def generator_losses(self, batch):
        import torch

        with torch.no_grad():
            *_, last = batch.source_stages()
            theirs = self.eyes(last.image)
        turned = self.eyes(batch.stages[-1].image) - theirs
        cosine = (turned @ self.direction) / (turned.square().sum(1) + SOFT**2).sqrt()
        if self.layers:
            self._choose(batch.w[:CHOOSING].detach(), [layer[:CHOOSING] for layer in batch.noise])
        return {"clip": Term((1 - cosine).mean(), self.weight)}

    def describe(self, generator, discriminator):
        layers = f"the {self.layers} layers" if self.layers else "all layers"
        asked = f", {layers} that the words ask for most, chosen anew in each step" if self.layers else ""
        kept = "" if self.pictures else "; the mapping network and all colours (ToRGB) stay the source's"
        return f'NADA: from "{self.source}" to "{self.target}" by CLIP {self.clip_name}, weight {self.weight:g}{asked}{kept}'

    def costs(self, generator, batch):
        """A pass of the source, CLIP on both pictures, and on the way back; to choose layers, both once more."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        held, weights = [0], {parameter.data_ptr() for parameter in self.eyes.parameters()}

        def keeps(tensor):
            held[0] += tensor.nbytes if tensor.data_ptr() not in weights else 0
            return tensor

        image = torch.zeros(1, 3, generator.size, generator.size, device=generator.device, requires_grad=True)
        counter, kept = FlopCounterMode(display=False), torch.autograd.graph.saved_tensors_hooks(keeps, lambda tensor: tensor)
        with counter, kept:
            self.eyes(image)
        choosing = min(CHOOSING, batch) / batch if self.layers else 0
        passes = 1 + 3 * choosing
        size = sum(parameter.nbytes for parameter in self.eyes.parameters())
        return passes, counter.get_total_flops() * (3 + 2 * choosing), size, held[0]

    def _hold(self, module, layer: int) -> None:
        """Its parameters train where the layer is chosen: Adam without a first moment leaves alone what has no gradient."""
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.register_hook(lambda gradient: gradient * self.chosen[layer])

    def _choose(self, w, noise) -> None:
        """The layers whose latents move most in a step towards the words alone, 1 - cos(E(G(w)), E(target))."""
        import torch

        from running import parallel

        w.requires_grad_(True)
        away = 1 - self.eyes(self.generator.synthesis(w, noise)) @ self.wanted
        (moved,) = torch.autograd.grad(away.sum(), w)
        asked = parallel.mean(moved.abs().mean((0, 2)))[: len(self.chosen)]
        if self.free is None:  # asked once: numbers of the host cannot be sent while a graph is recorded
            modules = self.generator.convolutions().values()
            free = [any(parameter.requires_grad for parameter in module.parameters()) for module in modules]
            self.free = torch.tensor(free, device=asked.device)
        asked = torch.where(self.free, asked, -1.0)
        self.chosen.zero_().index_fill_(0, asked.topk(self.layers).indices, 1.0)


def _from_any_folder(text: str) -> str:
    """A path that is there as an absolute one, so that the run can go on from elsewhere; also in NAME=FILE."""
    name, equals, path = text.rpartition("=")
    return f"{name}{equals}{os.path.abspath(path)}" if os.path.exists(path) else text
