"""Whether what people saw of something shared fits one order of single steps.

Each operation takes effect at one moment between its call and its return. The checker looks for
such moments: it takes one of the operations that no other had to precede, applies it to the state,
and goes back when the result does not fit (Wing and Gong, 1993). It never looks twice at the same
set of operations with the same state (Lowe, 2017).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
What = TypeVar("What")

# A history that needs more than this has many operations at once that fit each other badly.
MOST_STEPS = 200_000


@dataclass(frozen=True)
class Operation(Generic[What]):
    """`returned` is None if nobody saw the end: it may take effect at any time after the call.

    Operations that may not have happened at all do not belong into a history.
    """

    what: What
    called: float
    returned: float | None = None

    @property
    def end(self) -> float:
        return float("inf") if self.returned is None else self.returned


class Undecided(Exception):
    """The search became too long."""


def is_linearizable(
    history: Sequence[Operation[What]],
    begins: State,
    step: Callable[[State, What], State | None],
) -> bool:
    """`step` returns the next state, or None if the operation cannot have that result there.

    Raises:
        Undecided: the history is too long to be searched.
    """
    # The earlier an operation was called the sooner it is tried: mostly the first order fits.
    waiting = sorted(history, key=lambda one: one.called)
    everything = (1 << len(waiting)) - 1
    seen: set[tuple[int, State]] = set()
    open_ends: list[tuple[int, State]] = [(0, begins)]
    while open_ends:
        done, state = open_ends.pop()
        if done == everything:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        if len(seen) > MOST_STEPS:
            raise Undecided(f"{len(waiting)} operations")
        for place in reversed(_may_be_next(waiting, done)):
            after = step(state, waiting[place].what)
            if after is not None:
                open_ends.append((done | 1 << place, after))
    return False


def _may_be_next(waiting: Sequence[Operation[What]], done: int) -> list[int]:
    """Those that were called before the first of the others returned."""
    left = [place for place in range(len(waiting)) if not done >> place & 1]
    first_end = min(waiting[place].end for place in left)
    return [place for place in left if waiting[place].called <= first_end]
