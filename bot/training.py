"""Trains the bot when its sources changed, and shows the progress."""

import hashlib
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from bot.environment import ROOT, BotProblem, environment, find_python, rasa
from bot.progress import Progress, shown

SOURCES = ("config.yml", "requirements.txt", "components", "domain", "data")
FIRST_GUESS_SECONDS = 45.0

# What Rasa logs, in order, and the stage that we show for it.
STAGES = (
    ("Started validating", "validating"),
    ("Starting to train component 'RegexFeaturizer'", "training intent model"),
    ("Starting to train component 'FastRule", "training dialogue"),
    ("Finished training component 'FastRule", "packing"),
)


def fingerprint(root: Path = ROOT) -> str:
    """16 hex digits of a SHA-256 over the names and contents of the sources."""
    digest = hashlib.sha256()
    for file in _source_files(root):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def trained_model(root: Path = ROOT) -> Path:
    return root / "trained" / f"{fingerprint(root)}.tar.gz"


def train_if_changed(
    *,
    root: Path = ROOT,
    python: Path | None = None,
    report: Callable[[], AbstractContextManager[Progress]] = shown,
    force: bool = False,
) -> Path:
    """Return the model for the current sources; train it first if there is none.

    Raises BotProblem with Rasa's error.
    """
    model = trained_model(root)
    if model.exists() and not force:
        return model
    model.parent.mkdir(exist_ok=True)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(dir=model.parent, prefix="unfinished-") as unfinished,
        report() as progress,
    ):
        _train(python or find_python(root), root, Path(unfinished), model.name, progress)
        (Path(unfinished) / model.name).replace(model)
    seconds = time.monotonic() - began
    _duration_file(root).write_text(f"{seconds:.1f}\n")
    for old in model.parent.glob("*.tar.gz"):
        if old != model:
            old.unlink(missing_ok=True)
    return model


def _train(python: Path, root: Path, out: Path, name: str, progress: Progress) -> None:
    training = [*rasa(python), "train", "--fail-on-validation-warnings", "--force"]
    training += ["--config", "config.yml", "--domain", "domain", "--data", "data"]
    training += ["--out", str(out), "--fixed-model-name", name.removesuffix(".tar.gz")]
    try:
        process = subprocess.Popen(
            training,
            cwd=root,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise BotProblem(
            f"Rasa's Python does not start ({error}). Run `make up` to install it in bot/.venv."
        ) from error
    assert process.stdout is not None
    with process:
        lines = _follow(process.stdout, expected_seconds(root), progress)
    if process.returncode != 0 or not (out / name).exists():
        raise BotProblem(f"Rasa could not train the bot.{complaint(lines)}")


def _follow(output: IO[str], expected: float, progress: Progress) -> list[str]:
    """Report the stage to `progress` until Rasa ends. Return what it logged."""
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(output), daemon=True)
    began = time.monotonic()
    reader.start()
    while reader.is_alive():
        progress(stage(lines), time.monotonic() - began, expected)
        reader.join(0.2)
    return lines


def stage(lines: Iterable[str]) -> str:
    now = "starting Rasa"
    for line in lines:
        for logged, shown_stage in STAGES:
            if logged in line:
                now = shown_stage
    return now


def expected_seconds(root: Path = ROOT) -> float:
    try:
        return float(_duration_file(root).read_text())
    except (OSError, ValueError):
        return FIRST_GUESS_SECONDS


def complaint(lines: list[str]) -> str:
    """The end of Rasa's log without its noise, and the file that it names."""
    told = list(_told(lines))[-8:]
    files = re.findall(r"\b(?:config|(?:domain|data|tests)/[\w-]+)\.yml", "\n".join(told))
    where = f" Look at bot/{files[-1]}." if files else ""
    return f"{where} Rasa said:\n  " + ("\n  ".join(told) or "(nothing)")


def _told(lines: Iterable[str]) -> Iterator[str]:
    """The lines about our files. After a warning, Rasa prints the code that raised it."""
    after_warning = False
    for raw in lines:
        line = re.sub(r"\x1b\[[0-9;]*m", "", raw).rstrip()
        line = re.sub(r"^\S+\.py:\d+: UserWarning: ", "", line)
        warning = re.match(r"\S+\.py:\d+: \w*Warning: ", line)
        code = after_warning and line.startswith("  ")
        after_warning = bool(warning) or (after_warning and not line.startswith("  "))
        if line.strip() and not (warning or code or NOISE.search(line)):
            yield line.strip()


NOISE = re.compile(
    r" INFO |Processed |it/s|More info at|not used in any story"
    r"|does not include an entity extractor|^Implementing implicit namespace|^  File |^Traceback"
)


def _source_files(root: Path) -> Iterator[Path]:
    for name in SOURCES:
        source = root / name
        if source.is_dir():
            yield from sorted(file for file in source.rglob("*") if file.suffix in (".py", ".yml"))
        elif source.exists():
            yield source


def _duration_file(root: Path) -> Path:
    return root / "trained" / "last-seconds"


def main() -> None:
    try:
        train_if_changed(force="--force" in sys.argv[1:])
    except BotProblem as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
