"""The docs name tests and files that exist."""

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


def test_every_file_that_the_docs_name_exists() -> None:
    # The guide for writers names files of a topic and an exercise that the reader will add.
    yet_to_be_written = re.compile(r"tea|stretching|[A-Z]{4,}")
    pattern = re.compile(r"`((?:bot|docs|escalation|gateway|models|tests)/[\w./-]+\.\w+)`")
    missing = [
        f"{page.relative_to(ROOT)}: {path}"
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        for path in pattern.findall(page.read_text("utf-8"))
        if not yet_to_be_written.search(path) and not (ROOT / path).exists()
    ]
    assert missing == []
