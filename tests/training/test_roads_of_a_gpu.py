"""The four steps by the roads that they take on a GPU, with its kernels run thread by thread, are the steps."""

import pytest
import torch

from augment import Ada, Augmentation
from benchmarks.trace import as_on_a_gpu
from op import build
from tests.networks import tiny_discriminator, tiny_generator
from tests.op import emulated
from training import steps
from training.state import Settings, new_state

pytestmark = pytest.mark.skipif(emulated.reason() is not None, reason=str(emulated.reason()))


def losses_and_gradients(augmentation: Augmentation) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """Of D, R1, G and path length, each from the same weights."""
    networks = tiny_generator(), tiny_discriminator()
    state = new_state(Settings(batch=4), *networks, [], augmentation=augmentation, seed=3)
    found, gradients = {}, {}

    def instead_of_a_step(name, optimizer, trainable):
        gradients.update({f"{name} {i}": p.grad.clone() for i, p in enumerate(trainable) if p.grad is not None})

    state.guard.protect = instead_of_a_step
    state.d_optim.step = state.g_optim.step = lambda: None
    reals = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    drawn, fewer = (steps.draw_latents(state, batch) for batch in (4, 2))
    found |= steps.discriminator_step(state, [reals], [drawn]) | steps.r1_step(state, [reals])
    found |= steps.generator_step(state, [drawn]) | steps.path_length_step(state, [fewer])
    return {str(name): value.item() for name, value in found.items()}, gradients


@pytest.mark.parametrize("augmentation", [Augmentation, lambda: Ada(fixed_p=0.7)], ids=["", "ADA"])
def test_steps_by_the_roads_of_a_gpu_are_the_steps(augmentation, monkeypatch):
    used = set()

    def launch(name, *arguments):
        used.add(name)
        emulated.launch(name, *arguments)

    with monkeypatch.context() as plain:
        plain.setattr(build, "has_kernel", lambda x, impl: False)
        expected, of_plain = losses_and_gradients(augmentation())
    operators = emulated.beside_the_cpus(launch)
    with as_on_a_gpu():
        monkeypatch.setattr(torch.ops, "cartoon_stylegan2", operators)
        found, of_gpu = losses_and_gradients(augmentation())
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert of_gpu.keys() == of_plain.keys()
    for name, gradient in of_gpu.items():
        scale = of_plain[name].abs().max()
        torch.testing.assert_close(gradient, of_plain[name], rtol=1e-2, atol=1e-3 * scale.item() + 1e-6, msg=name)
    assert {name.split("_float_")[0] for name in used} >= {"upfirdn2d_blur", "upfirdn2d_down", "total_of_pieces"}
    assert ("upfirdn2d_up12_float_one" in used) == (augmentation is not Augmentation)
