"""A small disk that can be full, with the database and the keys on it."""

import contextlib
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.memory import roomy

# More than any run writes.
SIZE = "4G"
# Enough for a page or two.
LEFT_BYTES = 64 * 1024
NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class Disk:
    """A file system in memory that is made smaller, where the system lets us mount one.

    Elsewhere the system lets no file of the gateway grow, which SQLite reports as an I/O error.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="warmline-faults-", dir=roomy()))
        self.folder.chmod(0o755)
        self.is_mounted = self._mount(f"size={SIZE},mode=755")

    @contextlib.contextmanager
    def full(self, gateways: Callable[[], list[int]]) -> Iterator[None]:
        if self.is_mounted:
            used = shutil.disk_usage(self.folder).used
            self._mount(f"remount,size={used + LEFT_BYTES}")
            try:
                yield
            finally:
                self._mount(f"remount,size={SIZE}")
            return
        largest = max(one.stat().st_size for one in self.folder.rglob("*") if one.is_file())
        self._limit(gateways(), (largest, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            self._limit(gateways(), NO_LIMIT)

    def _limit(self, processes: list[int], limits: tuple[int, int]) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(process, resource.RLIMIT_FSIZE, limits)

    def _mount(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "warmline-faults", str(self.folder)]
        return subprocess.run(command, capture_output=True).returncode == 0

    def close(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)
