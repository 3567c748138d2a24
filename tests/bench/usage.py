"""What processes use, as Linux counts it. Everything here takes the process's whole tree."""

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and every process below it that lives."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for children in (PROC / str(one) / "task").glob("*/children"):
                found += map(int, children.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """In user and kernel mode, of one process and of its children that have ended."""
    # After the name, which is in parentheses and may have spaces.
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def megabytes(pid: int) -> float:
    """PSS: a page that several processes share counts once, in parts."""
    [kilobytes] = re.findall(r"^Pss:\s+(\d+) kB", _read(pid, "smaps_rollup"), re.M)
    return int(kilobytes) / 1024


def role(pid: int) -> str:
    words = _read(pid, "cmdline")
    if "rasa" in words or "bot.server" in words:
        return "bot"
    return "gateway" if "\0serve" in words else "supervisor"


def cpu_by_role(pid: int) -> dict[str, float]:
    return _by_role(pid, cpu_seconds)


def megabytes_by_role(pid: int) -> dict[str, float]:
    return _by_role(pid, megabytes)


def _by_role(pid: int, measure: Callable[[int], float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in family(pid):
        with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile
            found[role(one)] = found.get(role(one), 0.0) + measure(one)
    return found


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop the process and all below it, so that they take nothing from what is measured."""
    everybody = family(pid)
    for one in everybody:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in reversed(everybody):
            os.kill(one, signal.SIGCONT)


def _read(pid: int, file: str) -> str:
    return (PROC / str(pid) / file).read_text()
