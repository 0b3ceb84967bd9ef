"""One thread: the tests are small, and results must not depend on the machine."""

import sys

import pytest

import threads  # noqa: F401 (before torch, for this process and all that the tests start)


class WithoutLmdb:
    """The last place where a module is looked for: on a machine without lmdb, tests that need it are skipped, file by file."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "lmdb":
            pytest.skip("lmdb is not installed", allow_module_level=True)


def pytest_configure(config):
    import torch

    torch.set_num_threads(1)
    sys.meta_path.append(WithoutLmdb)


def pytest_collection_modifyitems(items):
    import torch

    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))
