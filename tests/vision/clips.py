"""A tiny CLIP of open_clip with random weights, in the files in which real ones come. Skips where open_clip is missing."""

import json
import warnings
from pathlib import Path

import pytest
import torch

open_clip = pytest.importorskip("open_clip", reason="needs the extra clip")

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2},
}


def network(config: dict = TINY, seed: int = 0):
    torch.manual_seed(seed)
    return open_clip.CLIP(**config).eval()


def folder(path: Path, config: dict = TINY, seed: int = 0) -> Path:
    """As open_clip keeps a model of its own: a description, and the weights beside it."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    torch.save(network(config, seed).state_dict(), path / "open_clip_pytorch_model.bin")
    return path


def program(path: Path, clip: torch.nn.Module) -> Path:
    """As OpenAI published theirs: a TorchScript program in half precision, with three numbers beside the weights."""

    class Program(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, part in clip.named_children():
                setattr(self, name, part)
            for name in ("positional_embedding", "text_projection", "logit_scale"):
                setattr(self, name, getattr(clip, name))
            for name, number in (("input_resolution", 32), ("context_length", 77), ("vocab_size", 49408)):
                self.register_buffer(name, torch.tensor(number))

        def forward(self, images):
            return self.visual(images)

    side = clip.visual.image_size[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(Program(), torch.zeros(1, 3, side, side), check_trace=False).half(), path)
    return path
