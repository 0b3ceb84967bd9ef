"""In every command a flag that would do nothing is refused, and named together with the other one."""

import importlib

import pytest

from tests.commands import failure
from tests.house import COMMANDS, module_of

NEEDED = {  # command with the words that it cannot do without -> flags that do nothing -> what the refusal names
    "scripts.generate --ckpt a.pt": {
        "--sheet 0 --columns 3": "--sheet 0",
        "--cutoff 3": "--truncation 1",
        "--mix_layers fine": "--mix",
        "--swap 8": "--source",
        "--source b.pt --width 1": "--swap",
    },
    "scripts.grow FILE out.pt": {"--channel_max 4": "--channel_base"},
    "scripts.styleclip --ckpt a.pt --words old": {
        "--truncation 1 --cutoff 3": "--truncation 1",
        "--mix_layers fine": "--mix",
        "--swap 8": "--source",
        "--source b.pt --width 1": "--swap",
    },
    "scripts.style_mixing --ckpt a.pt --rows 0 --cols 1": {"--single --sheet_only": "--single"},
    "scripts.layer_swap --source a.pt --target b.pt": {
        "--rgb low": "--features",
        "--frames 9": "--loop",
        "--columns 2": "--loop",
        "--overwrite": "--save",
        "--interpolate 0.5 --width 1": "--interpolate",
        "--interpolate 0.5 --level 1": "--interpolate",
        "--features --mapping high": "--features",
        "--features --save c.pt": "--features",
        "--features --loop gif": "--features",
    },
    "apply_factor --ckpt a.pt f.pt": {
        "--frames 9": "--loop",
        "--columns 2": "--loop",
        "--seeds 0-3 -n 2": "--seeds",
        "--latents l.pt -n 2": "--latents",
        "--truncation 1 --edit_before_trunc": "--truncation 1",
        "--edit_before_trunc --cutoff 3": "--edit_before_trunc",
        "--latents l.pt f.pt --edit_before_trunc": "--truncation 1",
    },
    "scripts.cartoonize --source a.pt --target b.pt me.jpg": {
        "--space w --wplus_reg 2": "--space w+",
        "--width 1": "--swap",
        "--perceptual mse --vgg FILE": "--perceptual mse",
        "--encoder_reg 1": "--encoder",
        "--encoder e.pt --step 0 --seed 1": "--step 0",
        "--encoder e.pt --step 0 --encoder_reg 1": "--step 0",
        "--onnx FILE": "--onnx",
    },
    "projector --ckpt a.pt me.jpg": {
        "--wplus_reg 1": "--space w+",
        "--fixed_noise --noise_regularize 9": "--fixed_noise",
        "--noise 0 --noise_ramp 0.5": "--noise 0",
        "--perceptual disc --vgg FILE": "--perceptual disc",
        "--init l.pt --encoder e.pt": "--encoder",
        "--encoder_reg 1": "--encoder",
        "--encoder e.pt --step 0 --lr 1": "--step 0",
        "--init l.pt --step 0 --mse 1": "--step 0",
    },
    "scripts.evaluate --ckpt a.pt --data d": {
        "--metrics fid --kid_subset 9": "--metrics kid",
        "--metrics structure --features disc --features pixels": "--metrics fid or --metrics kid",
        "--inception FILE": "--features inception",
        "--regressor FILE": "--metrics structure or --features structure",
    },
    "scripts.convert FILE out.pt": {"--network d": "--to bare", "--to nvidia --network g": "nvidia holds all networks"},
    "scripts.export out.onnx": {
        "--ckpt a.pt --reach 1": "--ckpt",
        "--translator a.pt --encoder e.pt": "--translator",
        "--space z": "--ckpt",
        "--no_noise": "--ckpt",
        "--direction B2A": "--translator",
        "--size 64": "--translator",
        "--width 1": "--swap",
    },
    "scripts.ganspace a.pt": {
        f"--add_to f.pt --edit smile=1 {flag} 3": "--add_to" for flag in ("--n", "--components", "--seed")
    },
    "prepare_data --out d pictures": {"--quality 80": "--format jpeg", "--every 2 --scene_frames 5": "--every"},
    "scripts.report run": {"--no_sheets --seeds 0-3": "--no_sheets", "--no_sheets --device cpu": "--no_sheets"},
    "scripts.align --out d me.jpg": {
        "--expand 2": "--boxes or --cascade",
        "--eyes 1,1,2,1 --all": "--eyes",
        "--no_align --all": "--no_align",
    },
    "scripts.train_ugatit --dataset d": {
        "--kid published": "--metric_freq",
        "--metric_freq 9 --eval_features pixels --source FILE": "--eval_features disc",
        "--bottleneck freeze": "--group",
        "--group_weight 2": "--group",
        "--group_scale 50": "--group",
        "--group 0 --no_flip": "--group",
    },
    "scripts.train_dcgan d": {
        "--eval_epochs 0 --eval_n 9": "--eval_epochs 0",
        "--eval_features pixels --source a.pt": "--eval_features disc",
    },
    "scripts.train_encoder --ckpt a.pt": {
        "--eval_every 5": "--test",
        "--jitter 2": "--photos",
        "--channel_max 5": "--channel_base",
        "--adversarial_weight 0 --r1 5": "--adversarial_weight 0",
        "--perceptual mse --vgg FILE": "--perceptual mse",
    },
    "scripts.translate --ckpt a.pt me.jpg": {"--face_only --original_size": "--face_only"},
    "scripts.chain --generator a.pt --translator b.pt": {"--index 3": "--factor", "--degree 3": "--factor"},
    "studies.sefa": {"--factor f.pt --normalize rows": "--factor"},
    "benchmarks.scaling": {"--repeats 3": "--processes"},
    "benchmarks.train_step": {"--precision bf16 --also_bf16": "--precision bf16"},
    "benchmarks.likeness me.jpg": {"--perceptual mse --vgg FILE": "--perceptual mse"},
}
CASES = [(command, words, named) for command, refused in NEEDED.items() for words, named in refused.items()]


@pytest.mark.parametrize("command, words, named", CASES, ids=[f"{command.split()[0]} {words}" for command, words, _ in CASES])
def test_it_is_refused_before_anything_is_read(tmp_path, capsys, command, words, named):
    (tmp_path / "file").touch()
    module, *needed = command.split()
    words = [str(tmp_path / "file") if word == "FILE" else word for word in [*needed, *words.split()]]
    said = failure(capsys, importlib.import_module(module), *words)
    assert "has no effect with" in said and named in said


def test_every_command_with_such_flags_is_tried():
    modules = {module_of(path) for path in COMMANDS} - {"train"}
    assert {m for m in modules if importlib.import_module(m).parser()._needs} <= {command.split()[0] for command in NEEDED}
