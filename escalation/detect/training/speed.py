"""Measure how long detection takes and how much memory it uses.

    python -m escalation.detect.training.speed

Reads JSON lines with `text`, and detects those of up to 70 words one by one on one core. Prints one
JSON object: `messages`, `median_ms` and `p99_ms` of all but the first hundred, and `memory_mb`, the
memory that detection added to this process.
"""

import json
import os
import sys
import time
from pathlib import Path

LONGEST = 70  # words
WARM_UP = 100
MEGABYTE = 1024**2


def resident() -> int:
    """Bytes of memory that this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    texts = [json.loads(line)["text"] for line in sys.stdin]
    texts = [text for text in texts if len(text.split()) <= LONGEST]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    before = resident()
    # The memory of numpy, onnxruntime and the model counts too.
    from escalation.detect import detect

    taken = []
    for text in texts:
        began = time.perf_counter()
        detect(text)
        taken.append(time.perf_counter() - began)
    measured = sorted(taken[WARM_UP:])
    figures = {
        "messages": len(measured),
        "median_ms": 1000 * measured[len(measured) // 2],
        "p99_ms": 1000 * measured[len(measured) * 99 // 100],
        "memory_mb": (resident() - before) / MEGABYTE,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
