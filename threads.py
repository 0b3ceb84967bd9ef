"""How many threads compute, and how they wait for one another. Importing it decides; it must come before torch.

    import threads                            # `import cli` does, so that every command and all its children have it

PyTorch's threads wait by spinning, for milliseconds by default. On a quiet machine that saves the wake-up. Beside one other
busy process it is ruinous: a thread that lost its core is waited for by another that spins away the core which it needs. So
they spin shortly and then sleep; the numbers that are computed do not depend on it. And where a container may use less of the
processor than it sees, there are only as many threads as it may use.

Both are environment variables, read when the OpenMP library (GNU's, as PyTorch's packages for Linux bring it) is loaded. What
the user has set stays: GOMP_SPINCOUNT or OMP_WAIT_POLICY, OMP_NUM_THREADS. `python -m benchmarks.busy` measures it.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path

SPINS = 1000  # looks at what is waited for, each some 50 to 150 cycles of the processor, before a thread sleeps
CGROUPS = Path("/sys/fs/cgroup")
VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS", "MKL_NUM_THREADS")  # by which users choose


def environment(given: Mapping[str, str], processors: int, quota: float) -> dict[str, str]:
    """The variables to add to those given, for a machine that shows `processors` and grants the time of `quota`.

    >>> environment({"GOMP_SPINCOUNT": "500"}, processors=8, quota=2.5)
    {'OMP_NUM_THREADS': '3'}
    >>> environment({"OMP_WAIT_POLICY": "active", "OMP_NUM_THREADS": "1"}, processors=8, quota=2.5)
    {}
    """
    added = {} if {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(given) else {"GOMP_SPINCOUNT": str(SPINS)}
    if "OMP_NUM_THREADS" not in given and quota < processors:
        added["OMP_NUM_THREADS"] = str(math.ceil(quota))
    return added


def granted() -> int:
    """Processors that this process may keep busy: those it may run on, or the fewer whose time its container grants."""
    return math.ceil(min(_visible(), processor_quota()))


def used() -> int:
    """Threads with which this process computes: as many as the user chose, else those granted."""
    return int(os.environ.get("OMP_NUM_THREADS", "").partition(",")[0] or granted())


def processor_quota(groups: str | None = None, root: Path = CGROUPS) -> float:
    """The processors whose time the control groups grant (Linux; a container's --cpus), infinite without a limit.

    groups: the contents of /proc/self/cgroup
    """
    if groups is None:
        try:
            groups = Path("/proc/self/cgroup").read_text()
        except OSError:
            return math.inf
    quotas = [math.inf]
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            top = root / "cpu" if controllers else root
            own = top / path.lstrip("/")
            quotas += [_quota(folder) for folder in (own, *own.parents) if folder.is_relative_to(top)]  # each limits
    return min(quotas)


def _quota(folder: Path) -> float:
    """That of one group: version 2 has both numbers in one file, version 1 one in each."""
    try:
        if (folder / "cpu.max").is_file():
            time, period = (folder / "cpu.max").read_text().split()
        else:
            time, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(time) / int(period) if time != "max" and int(time) > 0 else math.inf
    except (OSError, ValueError):
        return math.inf


def _visible() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(given: Mapping[str, str]) -> str:
    """For people: the processors, and how the threads that use them wait.

    >>> describe({"GOMP_SPINCOUNT": "1000"}).partition("threads ")[2]
    'spin 1000 times, then sleep'
    """
    count = f"{_visible()}" + f", {processor_quota():.3g} of them granted" * (processor_quota() < _visible())
    if "GOMP_SPINCOUNT" in given:
        waiting = f"spin {given['GOMP_SPINCOUNT']} times, then sleep"
    else:
        waiting = f"wait as OMP_WAIT_POLICY={given.get('OMP_WAIT_POLICY')} says"
    own = f" (OMP_NUM_THREADS={given['OMP_NUM_THREADS']})" if "OMP_NUM_THREADS" in given else ""
    return f"{count}{own}; threads {waiting}"


os.environ.update(environment(os.environ, _visible(), processor_quota()))
