"""Where the databases of tests lie: in memory where there is room, as none outlives its session.

On a disk that others write to as well, a copy of the PostgreSQL template takes ten times as long.
"""

import shutil
from pathlib import Path

# Not tempfile.gettempdir(): the path of PostgreSQL's socket has to be short.
DISK, MEMORY = Path("/tmp"), Path("/dev/shm")
ROOM = 2 * 1024**3


def roomy() -> Path:
    """A container often has no more than 64 MB there, and some systems have no such folder."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        return MEMORY
    return DISK
