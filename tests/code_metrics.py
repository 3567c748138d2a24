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
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles

PACKAGES = ("bot", "escalation", "gateway", "models")
Sources = Mapping[str, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


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
    house = {
        name: text
        for name, text in sources.items()
        if name.startswith(PACKAGES) and "/migrations/" not in name
    }
    functions = [one for text in house.values() for one in functions_in(text)]
    lengths = [(one.end_lineno or one.lineno) - one.lineno + 1 for one in functions]
    public = [one for one in functions if not one.name.startswith("_")]
    documented = sum(ast.get_docstring(one) is not None for one in public)
    folders = Counter(str(Path(name).parent) for name in house if not name.endswith("__init__.py"))
    [(largest, modules)] = folders.most_common(1)
    lines = sum(text.count("\n") for text in house.values())
    return {
        "lines of code": f"{lines:,}",
        **{f"  {package}": f"{lines_in(house, package):,}" for package in PACKAGES},
        "lines of the tests": f"{lines_in(sources, 'tests'):,}",
        "folders": f"{len(folders)}",
        "most modules in one folder": f"{modules} ({largest})",
        "modules over 400 lines": f"{sum(text.count(chr(10)) > 400 for text in house.values())}",
        "functions": f"{len(lengths):,}",
        "function lines, median": f"{median(lengths):.0f}",
        "function lines, p90": f"{quantiles(lengths, n=10)[-1]:.0f}",
        "function lines, longest": f"{max(lengths)}",
        "functions over 60 lines": f"{sum(one > 60 for one in lengths)}",
        "functions with more than six arguments": f"{sum(map(has_many_arguments, functions))}",
        "public functions with a docstring": share(documented, len(public)),
        "lines that are comments": share(sum(map(comment_lines, house.values())), lines),
    }


def functions_in(text: str) -> list[Function]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, Function)]


def has_many_arguments(function: Function) -> bool:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return sum(one.arg not in ("self", "cls") for one in every) > 6


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
