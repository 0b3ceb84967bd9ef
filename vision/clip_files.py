"""CLIPs in files: OpenAI's, those of open_clip (LAION's and others), from a file, a folder or a cache. Nothing is fetched.

    clip = load()                                           # OpenAI's ViT-B/32
    clip = load("networks/ViT-B-16.pt")                     # its shapes tell which one it is
    clip = load("ViT-B-32/laion2b_s34b_b79k")               # by open_clip's names, from its cache
    clip = load("ViT-B-32-quickgelu=mine.safetensors")      # where its shapes and its name do not tell

Files are read without running what is in them, OpenAI's too, which are programs. Where there are no weights InputError says
which file is missing, where it is published, and where it belongs; there is no CLIP with random weights.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from checkpoint import container
from errors import InputError, printable, reading
from vision.clip import Clip, Eyes

if TYPE_CHECKING:
    from types import ModuleType

USUAL = "ViT-B-32/openai"
FOLDERS = (Path("networks"), Path("~/.cache/clip"))  # scripts.download's, and that of OpenAI's program
CONFIG = "open_clip_config.json"
IN_A_FOLDER = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
)
QUICK = {"quick_gelu": True}  # the approximation of GELU that some were trained with
MISSING = "CLIP needs a package: pip install -e .[clip]"
NUMBERS = ("input_resolution", "context_length", "vocab_size")  # what OpenAI's files hold beside the weights
OWN_WORDS = ("hf_model_name", "hf_tokenizer_name")  # of text towers whose vocabulary is fetched from a network


@dataclass
class Found:
    """Which CLIP is meant.

    path:    of the weights
    name:    for people
    config:  what open_clip builds it from
    look:    mean, std and interpolation of its pictures, where they are known
    weights: what `weights` gives, where they were read to tell which one it is
    """

    path: Path
    name: str
    config: dict
    look: dict = field(default_factory=dict)
    weights: tuple[dict[str, Tensor], bool] | None = None


def load(text: str | None = None, legacy: bool = False) -> Clip:
    """A CLIP on the CPU, see above; legacy: see `Eyes`. Raises InputError, one line with the remedy."""
    open_clip = _package()
    found = _found(text or USUAL, open_clip)
    with reading(found.path):
        state, program = found.weights or weights(found.path)
        if program:  # OpenAI's were all trained with it
            found.config |= QUICK
        return _built(found, state, open_clip, legacy)


def weights(path: Path) -> tuple[dict[str, Tensor], bool]:
    """The state dict of a CLIP as float32, and whether the file is a program, as OpenAI's are. Raises InputError."""
    contents, program = container.load_weights(path)
    contents = contents.get("state_dict", contents)
    tensors = {name.removeprefix("module."): value for name, value in contents.items() if isinstance(value, Tensor)}
    return {name: value.float() for name, value in tensors.items() if name not in NUMBERS}, program


def _package() -> "ModuleType":
    try:
        import open_clip
    except ImportError:
        raise InputError(MISSING) from None
    return open_clip


def _found(text: str, open_clip: "ModuleType") -> Found:
    path = Path(text)
    name, equals, file = text.partition("=")
    if equals and not path.exists():
        return Found(Path(file), name, _config(name, open_clip))
    if path.is_dir():
        return _in_folder(path)
    name, _, tag = text.rpartition("/") if "/" in text else (text, "/", "openai")
    if name in open_clip.list_models() and not path.exists():
        return _in_cache(name, tag, open_clip)
    with reading(path, "name a file, a folder of open_clip, or MODEL/TAG such as ViT-B-32/laion2b_s34b_b79k"):
        read = weights(path)
        name = _kind(*read, path, open_clip)
        published = _published(name, _tag_in(path, name, open_clip), open_clip)
        return Found(path, name, _config(name, open_clip), published, read)


def _in_folder(folder: Path) -> Found:
    """As open_clip saves it: its description beside the weights."""
    with reading(folder / CONFIG, "a folder of open_clip holds it; else name the file of weights"):
        try:
            described = json.loads((folder / CONFIG).read_text("utf-8"))
            config = described["model_cfg"]
        except (ValueError, KeyError, TypeError):
            raise InputError("damaged (no description of a CLIP)") from None
    for name in IN_A_FOLDER:
        if (folder / name).is_file():
            return Found(folder / name, folder.resolve().name, config, described.get("preprocess_cfg") or {})
    raise InputError(f"{folder}: holds no weights ({', '.join(IN_A_FOLDER)})")


def _in_cache(name: str, tag: str, open_clip: "ModuleType") -> Found:
    tags, published = open_clip.list_pretrained_tags_by_model(name), _published(name, tag, open_clip)
    if not published:
        raise InputError(f"{tag}: {name} is published as {', '.join(tags) or 'nothing'}")
    for path in _places(published):
        if path.is_file():
            # With the other GELU than that of its training it sees next to nothing, and says nothing.
            config = _config(name, open_clip) | (QUICK if published.get("quick_gelu") else {})
            return Found(path, f"{name}/{tag}", config, published)
    kept = [f"{name}/{other}" for other in tags if _is_kept(name, other, open_clip)]
    other = f"; {', '.join(kept)} would be here" if kept else ""
    raise InputError(f"the CLIP {name}/{tag} is {_missing(name, tag, published)}, or name another file{other}")


def _missing(name: str, tag: str, published: dict) -> str:
    """Where it was looked for, and how it gets there."""
    if not (url := published.get("url")):
        page = f"https://huggingface.co/{published['hf_hub'].rpartition('/')[0]}"
        return f"not in the cache of huggingface_hub: fetch {IN_A_FOLDER[0]}, or the .bin, of {page} and name the file"
    where = f"neither in {', '.join(map(str, FOLDERS))} nor in the cache of huggingface_hub"
    command = "python -m scripts.download clip fetches it, " if f"{name}/{tag}" == USUAL else ""
    return f"{where}: {command}or put {Path(url).name} into {FOLDERS[0]} by hand from {url}"


def _is_kept(name: str, tag: str, open_clip: "ModuleType") -> bool:
    return any(path.is_file() for path in _places(_published(name, tag, open_clip)))


def _places(published: dict) -> Iterator[Path]:
    """Where weights of open_clip's table may lie on this machine."""
    if url := published.get("url"):
        for folder in FOLDERS:
            yield folder.expanduser() / Path(url).name
    if hub := published.get("hf_hub"):
        from huggingface_hub import try_to_load_from_cache

        repository, _, file = hub.rpartition("/")
        for name in [file] if file else IN_A_FOLDER:
            path = try_to_load_from_cache(repository, name)
            if isinstance(path, str):
                yield Path(path)


def _config(name: str, open_clip: "ModuleType") -> dict:
    config = open_clip.get_model_config(name)
    if config is None:
        near = [other for other in open_clip.list_models() if other.startswith(name[:5])]
        raise InputError(f"{name}: open_clip has no CLIP of this name; there are {', '.join(near[:8]) or 'ViT-B-32, ...'}")
    return config


def _published(name: str, tag: str, open_clip: "ModuleType") -> dict:
    return open_clip.get_pretrained_cfg(name, tag) if tag else {}


def _kind(state: dict[str, Tensor], program: bool, path: Path, open_clip: "ModuleType") -> str:
    """The model whose shapes these are. GELU leaves no trace in the shapes: the name of the file, or the user, has to tell."""
    if "visual.conv1.weight" not in state or "text_projection" not in state:
        raise InputError("not a CLIP with its words and pictures, as OpenAI and open_clip keep it")
    kinds = [name for name in open_clip.list_models() if _signature_of(open_clip.get_model_config(name)) == _signature(state)]
    plain = [name for name in kinds if not name.endswith("-quickgelu")]
    quick = [name for name in kinds if name.endswith("-quickgelu")]
    if not kinds:
        raise InputError("open_clip knows no CLIP of these shapes; keep its description beside it, and name the folder")
    if not quick:
        return plain[0]
    if program or "quickgelu" in path.name.lower():
        return quick[0]
    if tag := _tag_in(path, plain[0], open_clip):
        return quick[0] if _published(plain[0], tag, open_clip).get("quick_gelu") else plain[0]
    raise InputError(f"may be {plain[0]} (LAION's) or {quick[0]} (OpenAI's), which looks the same; name it {plain[0]}=FILE")


def _tag_in(path: Path, name: str, open_clip: "ModuleType") -> str:
    """The tag of open_clip that the path of a file names, be it in the folder of a cache; "" for none."""
    said = _letters("/".join(path.absolute().parts[-4:]))
    tags = open_clip.list_pretrained_tags_by_model(name.removesuffix("-quickgelu"))
    return max((tag for tag in tags if _letters(tag) in said), key=len, default="")


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9/]", "", text.lower())


def _signature(state: dict[str, Tensor]) -> tuple:
    """Widths, depths and sides of both towers."""
    width, _, patch, _ = state["visual.conv1.weight"].shape
    words, layers = state["token_embedding.weight"].shape, _depth(state, "transformer.resblocks.")
    if "visual.proj" in state:
        side = round(math.sqrt(len(state["visual.positional_embedding"]) - 1)) * patch
        seen = (width, _depth(state, "visual.transformer.resblocks."), patch, side)
    else:
        stages = [_depth(state, f"visual.layer{stage}.") for stage in (1, 2, 3, 4)]
        side = 32 * round(math.sqrt(len(state["visual.attnpool.positional_embedding"]) - 1))
        seen = (2 * width, stages, None, side)
    return (*seen, *words, layers, len(state["positional_embedding"]), state["text_projection"].shape[1])


def _signature_of(config: dict) -> tuple | None:
    seen, read = config["vision_cfg"], config["text_cfg"]
    if config.get("custom_text") or "timm_model_name" in seen or any(name in read for name in OWN_WORDS):
        return None
    towers = (seen["width"], seen["layers"], seen.get("patch_size"), seen["image_size"])
    return (*towers, read["vocab_size"], read["width"], read["layers"], read["context_length"], config["embed_dim"])


def _depth(state: dict[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)})


def _built(found: Found, state: dict[str, Tensor], open_clip: "ModuleType", legacy: bool) -> Clip:
    text = found.config.get("text_cfg", {})
    if found.config.get("multimodal_cfg") or any(name in text for name in OWN_WORDS):
        raise InputError(f"{found.name}: cuts words by a vocabulary that is fetched from a network; take another CLIP")
    custom = found.config.get("custom_text")
    config = {name: value for name, value in found.config.items() if name != "custom_text"}
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    with torch.random.fork_rng(devices=[]):  # the numbers that it begins with are nobody's
        try:
            network = kind(**config)
        except (TypeError, KeyError, RuntimeError, AssertionError) as error:
            raise InputError(f"open_clip builds no {found.name} from its description ({_first(error)})") from None
    if custom and "positional_embedding" in state:
        state = open_clip.factory.convert_to_custom_text_state_dict(state)
    _fill(network, found.name, state)
    network.eval().requires_grad_(False)
    tokenizer = open_clip.SimpleTokenizer(context_length=text.get("context_length", 77))
    pair = lambda value: value[0] if isinstance(value, (tuple, list)) else value
    look = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD, "interpolation": "bicubic"}
    look |= {name: found.look[name] for name in look if found.look.get(name)}
    return Clip(
        found.name,
        Eyes(network.visual, pair(network.visual.image_size), **look, legacy=legacy),
        lambda texts: network.encode_text(tokenizer(texts)),
        lambda sentence: len(tokenizer.encode(sentence)),
        tokenizer.context_length - 2,  # the marks of beginning and end
        open_clip.OPENAI_IMAGENET_TEMPLATES,
    )


def _fill(network: torch.nn.Module, name: str, state: dict[str, Tensor]) -> None:
    """Every weight from the file, or none: InputError names the first that differs."""
    own = network.state_dict()
    for key in ("logit_scale", "logit_bias"):
        if key in state and key in own:
            state[key] = state[key].reshape(own[key].shape)
    for key, like in own.items():
        if key not in state:
            raise InputError(f"not the weights of {name} ({key} is missing)")
        if state[key].shape != like.shape:
            raise InputError(f"not the weights of {name} ({key} is {list(state[key].shape)}, expected {list(like.shape)})")
    if more := [key for key in state if key not in own and not key.endswith("position_ids")]:
        raise InputError(f"not the weights of {name} ({printable(more[0])} is not in it)")
    if wrong := [key for key in own if not state[key].isfinite().all()]:
        raise InputError(f"damaged ({wrong[0]} holds NaN or Inf)")
    network.load_state_dict({key: state[key] for key in own})


def _first(error: Exception) -> str:
    return printable(str(error).splitlines()[0] if str(error) else type(error).__name__)
