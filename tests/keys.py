"""The folder of keys that all tests and the processes they start share, in memory if possible."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests.memory import roomy

if "KEY_FOLDER" not in os.environ:
    os.environ["KEY_FOLDER"] = tempfile.mkdtemp(prefix="warmline-keys-", dir=roomy())
    atexit.register(shutil.rmtree, os.environ["KEY_FOLDER"], ignore_errors=True)

KEYS = Path(os.environ["KEY_FOLDER"])
