"""The example of docs/adding-a-transfer-method.md works as printed."""

import argparse
import re
from pathlib import Path
from types import ModuleType

import torch

from tests.networks import tiny_discriminator, tiny_generator
from training import steps
from training.state import Settings, new_state

DOCUMENT = Path(__file__).parents[3] / "docs" / "adding-a-transfer-method.md"


def documented_method():
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    module = ModuleType("anchor_w")
    exec(compile(code, str(DOCUMENT), "exec"), module.__dict__)
    return module.AnchorW


def test_the_documented_method_declares_its_flag_and_adds_its_term():
    method_class = documented_method()
    parser = argparse.ArgumentParser()
    method_class.add_arguments(parser)
    assert method_class.from_args(parser.parse_args([])) is None
    method = method_class.from_args(parser.parse_args(["--anchor_w", "0.1"]))

    state = new_state(Settings(), tiny_generator(seed=1), tiny_discriminator(), [method], source=tiny_generator(seed=1))
    drawn = steps.draw_latents(state, 2)
    assert steps.generator_step(state, [drawn])["anchor_w"].item() == 0
    with torch.no_grad():
        state.generator.style[1].weight.add_(1)
    assert steps.generator_step(state, [drawn])["anchor_w"].item() > 0
