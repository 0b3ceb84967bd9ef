"""How freed memory is kept for the next tensor. Importing it decides.

    import allocation                         # `import cli` does, so that every command has it

Tensors of megabytes come and go a thousand times in an iteration. GNU's C library gets each from the kernel and gives it back,
and the kernel fills every page with zeros again: some 5 % of the demo's time. So what is freed is kept, up to KEPT; tensors
above LARGEST, of wide networks, still come and go, since pieces of them that lie between others would be of no use.

It holds for this process, and only where the C library is GNU's. What the user has set in the environment stays.
"""

import ctypes
import os
from collections.abc import Callable, Mapping

KEPT, LARGEST = 2**28, 2**25  # bytes; 2**25 is the most that the library takes
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def chosen(given: Mapping[str, str]) -> bool:
    """Whether the user has said in the environment how memory is allocated.

    >>> chosen({"MALLOC_TRIM_THRESHOLD_": "0"}), chosen({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}), chosen({})
    (True, True, False)
    """
    return any(name.startswith("MALLOC_") for name in given) or "glibc.malloc" in given.get("GLIBC_TUNABLES", "")


def mallopt() -> Callable[[int, int], int] | None:
    """What sets the C library's parameters; None where it has none, as those of other systems."""
    try:
        return ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return None


def keep_freed(given: Mapping[str, str]) -> bool:
    """Whether it is so now."""
    option = None if chosen(given) else mallopt()
    return bool(option and option(M_MMAP_THRESHOLD, LARGEST) and option(M_TRIM_THRESHOLD, KEPT))


keep_freed(os.environ)
