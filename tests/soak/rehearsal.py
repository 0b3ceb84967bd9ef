"""A dress rehearsal at 256 px, without downloads: random files in the published layouts through every command.

    python -m tests.soak.rehearsal
    python -m tests.soak.rehearsal --out rehearsal --keep
    python -m tests.soak.rehearsal --out rehearsal --keep --only truncation     # again, on what is there
    python -m tests.soak.rehearsal --only prepare_data,FreezeSG,convert,encoder,words,styleclip    # with what these begin with

It writes a training checkpoint as stylegan2-pytorch does (multiplier 2) and two NVIDIA pickles (`paper256`, and `auto` with
two mapping layers; fp16, clamp 256), then inspects, converts, trains with each method, stops, resumes, draws and edits, each
step in a process of its own. The table shows seconds and peak memory.
"""

import argparse
import importlib.util
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cli
from errors import InputError

ROOT = Path(__file__).parent.parent.parent
CLIP = "vit_b_32-laion2b_s34b_b79k.pt"  # random; only where the extra `clip` is installed
MEMORY_LIMIT = 12  # GiB, for each step
METHODS = {
    "plain": [],
    "FreezeD + ADA": ["--freezeD=3", "--augment", "--augment_p=0.5"],
    "FreezeG": ["--freezeG=4", "--freezeD=3", "--augment"],
    "FreezeSG": ["--freezeStyle=2", "--freezeG=4", "--freezeD=3", "--train_mapping"],
    "structure loss": ["--structure_loss=2", "--freezeD=3"],
    "correlation loss": ["--correlation_loss=8", "--freezeG=4"],
    "words beside images": ["--clip_target=sketch", "--clip={clip}", "--freezeG=4", "--freezeD=3"],
}
EDITING = {  # a line each; {photo}, {toon}, {person}, {latents}, {run}, {folder} and {out}, its own folder, are filled in
    "generate": "-m scripts.generate --ckpt {toon} --source {photo} --seeds 0-3 --outdir {out}",
    "generate --latents": "-m scripts.generate --ckpt {toon} --latents {latents} --outdir {out}",
    "layer_swap": "-m scripts.layer_swap --source {photo} --target {toon} --seeds 0 --swap 32 --save {out}.pt --outdir {out}",
    "layer_swap --features": "-m scripts.layer_swap --source {photo} --target {toon} --seeds 0 --features --outdir {out}",
    "truncation": "-m scripts.truncation --ckpt {toon} --source {photo} --seeds 0 --psi=-1,0,1.5 --outdir {out}",
    "style_mixing": "-m scripts.style_mixing --ckpt {toon} --rows {latents} --cols 1,2 --outdir {out}",
    "style_mixing --single": "-m scripts.style_mixing --ckpt {toon} --rows 0 --cols 1 --single --outdir {out}",
    "interpolate": "-m scripts.interpolate --ckpt {toon} --seeds 0-2 --frames 3 --loop --format gif --outdir {out}",
    "factor": "closed_form_factorization.py --out {out}.pt {photo}",
    "apply_factor": "apply_factor.py --ckpt {toon} --source {photo} -i 0-1 -n 1 --steps 2 --outdir {out} {folder}/factor.pt",
    "ganspace": "-m scripts.ganspace --n 20000 --edit a=1:coarse --out {out}.pt {photo}",
    "apply_factor --latents": "apply_factor.py --ckpt {toon} -i a --latents {latents} --outdir {out} {folder}/ganspace.pt",
    "projector": "projector.py --ckpt {photo} --target_ckpt {toon} --step 2 --tune 2 --outdir {out} {person}",
    "cartoonize": "-m scripts.cartoonize {person} --no_align --source {photo} --target {toon} --step 2 --tune 2 --outdir {out}",
    "train_encoder": "-m scripts.train_encoder --ckpt {photo} --photos {folder}/faces.lmdb --batch 2 --n_sample 2 --iter 2 "
    "--outdir {out}",
    "train_encoder --passes": "-m scripts.train_encoder --ckpt {folder}/paper256.pt --batch 2 --n_sample 2 --iter 1 --passes 2 "
    "--adversarial_weight 0 --channel_base 2048 --outdir {out}",
    "projector --encoder": "projector.py --ckpt {photo} --encoder {folder}/train_encoder/encoder.pt --step 0 --outdir {out} "
    "{person}",
    "cartoonize --encoder": "-m scripts.cartoonize {person} --no_align --source {photo} --target {toon} --step 1 --tune 1 "
    "--encoder {folder}/train_encoder/encoder.pt --encoder_reg 1 --outdir {out}",
    "export --encoder": "-m scripts.export {out}.onnx --source {photo} --target {toon} --half "
    "--encoder {folder}/train_encoder/encoder.pt",
    "cartoonize --onnx, of an encoder": "-m scripts.cartoonize {person} --no_align --onnx {folder}/export--encoder.onnx "
    "--outdir {out}",
    "words": "train.py --ckpt {photo} --clip_target sketch --clip {clip} --clip_layers 4 --batch 2 --iter 2 --n_sample 2 "
    "--outdir {out}",
    "resume words": "train.py --resume {folder}/words --iter 3",
    "styleclip": "-m scripts.styleclip --ckpt {toon} --source {photo} --words smile --clip {clip} --step 2 --outdir {out}",
    "apply_factor words": "apply_factor.py --ckpt {toon} -i smile -n 1 --outdir {out} {folder}/styleclip/words.pt",
    "report": "-m scripts.report {run} --seeds 0",
}
FP16 = {  # what NVIDIA's pickles say of networks trained with half-precision layers
    **{f"synthesis.b{res}": {"use_fp16": res >= 32} for res in (4, 8, 16, 32, 64, 128, 256)},
    **{f"b{res}": {"use_fp16": res >= 32} for res in (4, 8, 16, 32, 64, 128, 256)},
    "synthesis.b4.conv1": {"conv_clamp": 256},
    "b256.conv0": {"conv_clamp": 256},
    "b4.mbstd": {"group_size": 8, "num_channels": 1},
}


def parser() -> cli.Parser:
    parser = cli.Parser(__doc__, "python -m tests.soak.rehearsal [flags]")
    add = parser.add_argument_group("rehearsal").add_argument
    add("--out", type=Path, metavar="DIR", help="work here (default: a temporary folder)")
    add("--keep", action="store_true", help="keep the files, about 6 GB")
    add("--only", metavar="TEXT", help="only steps with this in their name, or TEXT,...; on what lies in --out, if anything")
    add("--device", default="cpu", metavar="NAME", help="cpu or cuda (default: cpu)")
    return parser


def main(args: argparse.Namespace) -> None:
    folder = args.out or Path(tempfile.mkdtemp(prefix="rehearsal-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        results = [*rehearse(folder.resolve(), args.device, args.only)]
    finally:
        if not (args.keep or (args.only and args.out)):
            shutil.rmtree(folder)
    failed = [name for name, _, gib, status in results if status or gib > MEMORY_LIMIT]
    if failed:
        raise InputError(f"failed, or took more than {MEMORY_LIMIT} GiB: {', '.join(failed)}")


def rehearse(folder: Path, device: str, only: str | None = None):
    """Run every step, or those whose name contains one of `only`; yield (name, seconds, peak GiB, exit status) and print it."""
    if only is None or not (folder / "faces").is_dir():
        # In a process of its own: a child is charged with the memory that its parent held when it was started.
        writer = multiprocessing.get_context("spawn").Process(target=write_files, args=(folder,))
        writer.start()
        writer.join()
    train = ["train.py", "--batch=1", "--n_sample=2", f"--device={device}", f"--path={folder / 'faces.lmdb'}"]
    steps = {"prepare_data": ["prepare_data.py", "--out", folder / "faces.lmdb", "--size=256", folder / "faces"]}
    for file in ("550000.pt", "paper256.pkl", "auto.pkl"):
        steps[f"inspect {file}"] = ["-m", "scripts.inspect", folder / file]
    for name in ("paper256", "auto"):
        steps[f"convert {name}.pkl"] = ["-m", "scripts.convert", folder / f"{name}.pkl", folder / f"{name}.pt"]
        steps[f"train {name}.pkl"] = [*train, f"--ckpt={folder / name}.pkl", "--iter=1", f"--outdir={folder / name}"]
    clip = folder / CLIP
    for name, flags in METHODS.items():
        own = [flag.format(clip=clip) for flag in flags]
        steps[f"train {name}"] = [*train, f"--ckpt={folder / '550000.pt'}", "--iter=3", f"--outdir={folder / name}", *own]
    last = folder / "FreezeSG" / "checkpoints" / "000004.pt"
    steps["resume FreezeSG"] = ["train.py", "--resume", f"--outdir={folder / 'FreezeSG'}", "--iter=4"]
    files = {
        "clip": clip,
        "photo": folder / "550000.pt",
        "toon": last,
        "latents": folder / "latents.pt",
        "run": last.parents[1],
    }
    files |= {"folder": folder, "person": folder / "faces" / "0.png"}
    for name, line in EDITING.items():
        steps[name] = [word.format(**files, out=folder / name.replace(" ", "")) for word in line.split()]
    steps["back to a plain state dict"] = ["-m", "scripts.convert", folder / "550000.pt", folder / "plain.pt", "--to=bare"]
    steps = {name: words for name, words in steps.items() if only is None or any(text in name for text in only.split(","))}
    if not clip.is_file():
        steps = {name: words for name, words in steps.items() if "words" not in name and name != "styleclip"}
    if not steps:
        raise InputError(f"--only {only}: no step has this in its name")
    print(f"{'step':<28}{'seconds':>9}{'GiB':>7}")
    for name, words in steps.items():
        seconds, gib, status, output = measure([sys.executable, *map(str, words)])
        print(f"{name:<28}{seconds:9.1f}{gib:7.2f}{'  FAILED' if status else ''}", flush=True)
        if status:
            print(output)
        yield name, seconds, gib, status


def measure(command: list[str]) -> tuple[float, float, int, str]:
    """(seconds, peak resident GiB, exit status, output) of a process."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        output.seek(0)
        return time.monotonic() - start, usage.ru_maxrss / 2**20, status, output.read()


def write_files(folder: Path) -> None:
    """Random networks in the published layouts, and a few faces."""
    import torch

    import utils
    from checkpoint import Architecture
    from checkpoint.nvidia import discriminator_to_nvidia, generator_to_nvidia
    from editing import latents
    from faces.rendered.synthetic import render, sample_attributes
    from model import channel_table
    from tests.checkpoint.nvidia_pickle import write_nvidia_pickle
    from training.state import lazy_adam

    torch.manual_seed(0)
    wide = Architecture(256, 512, 8, channel_table(256))
    generator, discriminator = wide.generator(), wide.discriminator()
    optimizers = [lazy_adam(generator, 0.002, 4), lazy_adam(discriminator, 0.002, 16)]
    for network, optimizer in zip((generator, discriminator), optimizers):
        for parameter in network.parameters():
            parameter.grad = torch.randn_like(parameter) / 100
        optimizer.step()
    contents = {
        "g": generator.state_dict(),
        "d": discriminator.state_dict(),
        "g_ema": generator.state_dict(),
        "g_optim": optimizers[0].state_dict(),
        "d_optim": optimizers[1].state_dict(),
        "args": argparse.Namespace(size=256, channel_multiplier=2),
        "ada_aug_p": 0.0,
    }
    torch.save(contents, folder / "550000.pt")
    for name, n_mlp in (("paper256", 8), ("auto", 2)):
        narrow = Architecture(256, 512, n_mlp, channel_table(256, 1))
        write_nvidia_pickle(
            folder / f"{name}.pkl",
            generator_to_nvidia(narrow.generator().state_dict(), torch.zeros(512)),
            discriminator_to_nvidia(narrow.discriminator().state_dict()),
            attributes=FP16,
        )
    if importlib.util.find_spec("open_clip"):
        import open_clip

        torch.save(open_clip.CLIP(**open_clip.get_model_config("ViT-B-32")).state_dict(), folder / CLIP)
    faces = render(sample_attributes(6, seed=0), 256, "B")
    latents.save_latents(folder / "latents.pt", torch.randn(1, 14, 512), space="w+", names=["me.png"])
    for i, picture in enumerate(utils.to_pictures(faces)):
        utils.save_png(picture, folder / "faces" / f"{i}.png")


if __name__ == "__main__":
    cli.run(main, parser())
