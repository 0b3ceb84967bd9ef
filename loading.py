"""PyTorch in two thirds of its time: a part that draws nothing is loaded when it is first used. Import this before torch.

    import loading                            # `import cli` does, as with threads

`import torch` takes two to three seconds of a core. A third of that registers what operators written in Python do to shapes
alone: for torch.compile, torch.export, and tensors without numbers (device "meta"), whose FLOPs are counted. Whoever imports
the compiler or that counter has this part as ever, before them.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

LATER = "torch._meta_registrations"
USERS = ("torch._dynamo", "torch.utils.flop_counter")


class Finder(MetaPathFinder):
    """Finds that one module as Python does, and lets it wait until one of its users is imported."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        if name in USERS and isinstance(module := sys.modules.get(LATER), Waiting):
            module.run()
        if name != LATER or not (spec := PathFinder.find_spec(name, path)):
            return None
        spec.loader = Patient(spec.loader)
        return spec


class Patient(Loader):
    def __init__(self, loader: Loader):
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Waiting(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing yet."""


class Waiting(ModuleType):
    """A module that runs when it is asked for what it defines.

    importlib.util.LazyLoader's would run at once: `inspect` asks every module for its `__file__`.
    """

    def run(self) -> None:
        self.__class__, self.__spec__.loader = ModuleType, self.__spec__.loader.loader
        self.__spec__.loader.exec_module(self)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        self.run()
        return getattr(self, name)


if "torch" not in sys.modules:
    sys.meta_path.insert(0, Finder())
