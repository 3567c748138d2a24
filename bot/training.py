"""Trains the bot when its sources changed, and says what is happening."""

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

from bot.environment import ROOT, BotProblem, environment, python_of, rasa
from bot.progress import Progress, shown

SOURCES = ("config.yml", "requirements.txt", "components", "domain", "data")
FIRST_GUESS_SECONDS = 45.0

# What Rasa logs, in the order in which it does, and what a person reads meanwhile.
STAGES = (
    ("Started validating", "validating"),
    ("Starting to train component 'RegexFeaturizer'", "training intent model"),
    ("Starting to train component 'FastRule", "training dialogue"),
    ("Finished training component 'FastRule", "packing"),
)


def fingerprint(root: Path = ROOT) -> str:
    """A name for exactly these sources: 16 hex digits of the SHA-256 over names and contents."""
    digest = hashlib.sha256()
    for file in _source_files(root):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def trained_model(root: Path = ROOT) -> Path:
    """Where the model for the present sources lies, or will."""
    return root / "trained" / f"{fingerprint(root)}.tar.gz"


def train_if_changed(
    *,
    root: Path = ROOT,
    python: Path | None = None,
    report: Callable[[], AbstractContextManager[Progress]] = shown,
    force: bool = False,
) -> Path:
    """Return the model for the present sources, training it first when there is none.

    Says nothing when there is nothing to do. Raises BotProblem with Rasa's complaint.
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
        _train(python or python_of(root), root, Path(unfinished), model.name, progress)
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
            f"Rasa's Python cannot be started ({error}). `make up` installs bot/.venv."
        ) from error
    assert process.stdout is not None
    with process:
        lines = _follow(process.stdout, expected_seconds(root), progress)
    if process.returncode != 0 or not (out / name).exists():
        raise BotProblem(f"The bot could not be trained.{complaint(lines)}")


def _follow(output: IO[str], expected: float, progress: Progress) -> list[str]:
    """Tell `progress` where Rasa is until it ends; return what it logged."""
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(output), daemon=True)
    began = time.monotonic()
    reader.start()
    while reader.is_alive():
        progress(stage(lines), time.monotonic() - began, expected)
        reader.join(0.2)
    return lines


def stage(lines: Iterable[str]) -> str:
    """What Rasa is doing, by what it logged so far."""
    now = "starting Rasa"
    for line in lines:
        for sign, words in STAGES:
            if sign in line:
                now = words
    return now


def expected_seconds(root: Path = ROOT) -> float:
    """How long the last training took, or a guess before the first."""
    try:
        return float(_duration_file(root).read_text())
    except (OSError, ValueError):
        return FIRST_GUESS_SECONDS


def complaint(lines: list[str]) -> str:
    """Rasa's last words, without its chatter, and the file they are about."""
    told = list(_told(lines))[-8:]
    files = re.findall(r"\b(?:config|(?:domain|data|tests)/[\w-]+)\.yml", "\n".join(told))
    where = f" Look at bot/{files[-1]}." if files else ""
    return f"{where} Rasa said:\n  " + ("\n  ".join(told) or "(it said nothing)")


def _told(lines: Iterable[str]) -> Iterator[str]:
    """The lines that are about our files. A warning's line is followed by the code that gave it."""
    after_warning = False
    for raw in lines:
        line = re.sub(r"\x1b\[[0-9;]*m", "", raw).rstrip()
        line = re.sub(r"^\S+\.py:\d+: UserWarning: ", "", line)
        warning = re.match(r"\S+\.py:\d+: \w*Warning: ", line)
        code = after_warning and line.startswith("  ")
        after_warning = bool(warning) or (after_warning and not line.startswith("  "))
        if line.strip() and not (warning or code or CHATTER.search(line)):
            yield line.strip()


CHATTER = re.compile(
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
