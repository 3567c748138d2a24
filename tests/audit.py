"""Known faults of the packages we use: `python -m tests.audit`, or `make audit`.

Asks OSV (osv.dev) about every pinned package. OSV collects what PyPA, GitHub, and others publish.
Ends with 1 if a package has a known fault, and with 3 if OSV cannot be reached.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
OSV = "https://api.osv.dev/v1/querybatch"
MOST_AT_ONCE = 500
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", re.MULTILINE)

Pin = tuple[str, str]


def read_pins(root: Path = ROOT) -> list[Pin]:
    files = sorted(root.glob("*/requirements.txt"))
    pins = (PIN.findall(file.read_text("utf-8")) for file in files)
    return sorted(set(chain.from_iterable(pins)))


def find_faults(pins: Sequence[Pin], url: str = OSV) -> Iterator[str]:
    """A line for each pin with known faults. Raises httpx.HTTPError."""
    for first in range(0, len(pins), MOST_AT_ONCE):
        some = pins[first : first + MOST_AT_ONCE]
        queries = [
            {"package": {"ecosystem": "PyPI", "name": name}, "version": version}
            for name, version in some
        ]
        answer = httpx.post(url, json={"queries": queries}, timeout=30).raise_for_status().json()
        for (name, version), found in zip(some, answer["results"], strict=True):
            if ids := ", ".join(fault["id"] for fault in found.get("vulns", [])):
                yield f"{name} {version}: {ids}. Read about it at osv.dev, then run `make pins`."


def main(url: str = OSV) -> int:
    pins = read_pins()
    try:
        faults = list(find_faults(pins, url))
    except httpx.HTTPError as error:
        print(
            f"The packages were not audited: OSV cannot be reached ({type(error).__name__}). "
            "Run `make audit` on a machine that may reach api.osv.dev.",
            file=sys.stderr,
        )
        return 3
    print("\n".join(faults) or f"None of {len(pins)} packages has a known fault.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
