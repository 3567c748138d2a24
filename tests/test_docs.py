"""The docs name tests, and the docs and the code name paths, that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_the_list_of_features_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "features.md").read_text("utf-8")))
    defined = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert named
    assert named - defined == set()


def test_every_path_that_the_docs_or_the_code_name_exists() -> None:
    # The guides name files of a topic, an exercise, and a language that the reader will add.
    yet_to_be_written = re.compile(r"tea|stretching|locales/pt|[A-Z]{4,}")
    in_docs = re.compile(r"`((?:bot|docs|escalation|gateway|models|tests)/[\w./-]+)`")
    in_code = re.compile(r"(?<![\w/])docs/[\w./-]*\w")
    docs = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    code = [ROOT / "pyproject.toml", *(ROOT / "bot").glob("*.py")]
    for folder in ("bot/components", "escalation", "gateway", "models"):
        code += [file for kind in ("py", "toml") for file in (ROOT / folder).rglob(f"*.{kind}")]
    missing = [
        f"{file.relative_to(ROOT)}: {path}"
        for pattern, files in ((in_docs, docs), (in_code, code))
        for file in sorted(files)
        for path in pattern.findall(file.read_text("utf-8"))
        if not yet_to_be_written.search(path) and not (ROOT / path).exists()
    ]
    assert missing == []
