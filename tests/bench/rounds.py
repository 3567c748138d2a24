"""What the rounds of both systems show, beside each other."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.figures import Comparison, Goal, percentile, short, table


@dataclass(frozen=True)
class Round:
    """One system in one round. CPU and memory are by role of the process."""

    messages_a_second: float
    together_ms: Sequence[float]
    alone_ms: Sequence[float]
    cpu_ms: dict[str, float]
    megabytes: dict[str, float]

    def __str__(self) -> str:
        return (
            f"{short(self.messages_a_second)} messages a second, "
            f"p50 {short(percentile(self.alone_ms, 50))} ms one at a time, "
            f"{short(sum(self.cpu_ms.values()))} ms of CPU a message, "
            f"{short(sum(self.megabytes.values()))} MB"
        )


FIGURES: Sequence[tuple[str, Goal | None, Callable[[Round], float]]] = (
    ("messages a second, all writing", Goal(3, at_least=True), lambda one: one.messages_a_second),
    ("reply, all writing, p95, ms", None, lambda one: percentile(one.together_ms, 95)),
    ("reply, one at a time, p50, ms", Goal(0.6), lambda one: percentile(one.alone_ms, 50)),
    ("CPU a message, ms", Goal(0.6), lambda one: sum(one.cpu_ms.values())),
    ("memory, MB", Goal(0.75), lambda one: sum(one.megabytes.values())),
)


def compare(ours: Sequence[Round], stock: Sequence[Round]) -> list[Comparison]:
    return [
        Comparison(what, [figure(one) for one in ours], [figure(one) for one in stock], goal)
        for what, goal, figure in FIGURES
    ]


def report(ours: Sequence[Round], stock: Sequence[Round]) -> str:
    head = (f"median (least-most) of {len(ours)} rounds", "Warmline", "rasa init", "ratio", "goal")
    return "\n".join([table([head, *(one.row() for one in compare(ours, stock))]), *_parts(ours)])


def _parts(ours: Sequence[Round]) -> Iterator[str]:
    yield ""
    for what, part in (("CPU a message, ms", "cpu_ms"), ("memory, MB", "megabytes")):
        of_roles = (
            f"{role} {short(statistics.median(getattr(one, part).get(role, 0) for one in ours))}"
            for role in sorted(getattr(ours[0], part))
        )
        yield f"Warmline's {what}: {', '.join(of_roles)}"
