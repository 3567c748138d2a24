"""Measure how easy the code is to enter, now and at an earlier commit.

    python -m tests.code_metrics            the working tree
    python -m tests.code_metrics REVISION   the same figures at REVISION beside it

Migrations do not count. A function's lines include its signature and docstring. Arguments include
keyword-only ones but not `self` and `cls`.
"""

import ast
import io
import subprocess
import sys
import tarfile
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

PACKAGES = ("bot", "escalation", "gateway", "models")
Sources = Mapping[str, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Measured:
    lines: int
    arguments: int
    is_public: bool
    has_docstring: bool


def working_tree() -> Sources:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], capture_output=True, text=True, check=True
    ).stdout.split()
    return {name: Path(name).read_text("utf-8") for name in listed if Path(name).exists()}


def at_revision(revision: str) -> Sources:
    packed = subprocess.run(["git", "archive", revision], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return {
            member.name: content.read().decode("utf-8")
            for member in archive
            if member.name.endswith(".py") and (content := archive.extractfile(member))
        }


def figures(sources: Sources) -> dict[str, str]:
    """Each figure of the table, by its name."""
    house = {
        name: text
        for name, text in sources.items()
        if name.startswith(PACKAGES) and "/migrations/" not in name
    }
    tests = {name: text for name, text in sources.items() if name.startswith("tests/")}
    measured = [one for text in house.values() for one in functions_in(text)]
    lengths = [one.lines for one in measured]
    public = [one for one in measured if one.is_public]
    folders = Counter(str(Path(name).parent) for name in house if not name.endswith("__init__.py"))
    largest, modules = folders.most_common(1)[0]
    long_modules = sum(text.count("\n") > 400 for text in house.values())
    lines = sum(text.count("\n") for text in house.values())
    return {
        "lines of the house": f"{lines:,}",
        **{f"  {package}": f"{lines_in(house, package):,}" for package in PACKAGES},
        "lines of the tests": f"{lines_in(tests, 'tests'):,}",
        "folders": f"{len(folders)}",
        "most modules in one folder": f"{modules} ({largest})",
        "modules over 400 lines": f"{long_modules}",
        "functions": f"{len(lengths):,}",
        "function lines, median": f"{median(lengths):.0f}",
        "function lines, p90": f"{quantiles(lengths, n=10)[-1]:.0f}",
        "function lines, longest": f"{max(lengths)}",
        "functions over 60 lines": f"{sum(one > 60 for one in lengths)}",
        "functions with more than six arguments": f"{sum(one.arguments > 6 for one in measured)}",
        "public functions with a docstring": share(
            sum(one.has_docstring for one in public), len(public)
        ),
        "lines that are comments": share(sum(map(comment_lines, house.values())), lines),
    }


def functions_in(text: str) -> Iterator[Measured]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            yield Measured(
                lines=(node.end_lineno or node.lineno) - node.lineno + 1,
                arguments=sum(one.arg not in ("self", "cls") for one in every),
                is_public=not node.name.startswith("_"),
                has_docstring=ast.get_docstring(node) is not None,
            )


def comment_lines(text: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(one.type == tokenize.COMMENT for one in tokens)


def lines_in(sources: Sources, package: str) -> int:
    return sum(text.count("\n") for name, text in sources.items() if name.startswith(f"{package}/"))


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "none"


def main(arguments: list[str]) -> None:
    columns = [("now", figures(working_tree()))]
    if arguments:
        columns.insert(0, (arguments[0], figures(at_revision(arguments[0]))))
    print(f"{'':42}" + "".join(f"{title:>30}" for title, _ in columns))
    for name in columns[-1][1]:
        print(f"{name:42}" + "".join(f"{column[name]:>30}" for _, column in columns))


if __name__ == "__main__":
    main(sys.argv[1:])
