"""The checker finds orders that fit, and finds none where there is none."""

from collections.abc import Sequence

import pytest

from tests.faults.linearizability import Operation, Undecided, is_linearizable

Register = tuple[str, int]


def register(now: int, act: Register) -> int | None:
    verb, figure = act
    if verb == "write":
        return figure
    return now if now == figure else None


def fits(*acts: tuple[str, int, float, float | None]) -> bool:
    history = [Operation((verb, figure), called, end) for verb, figure, called, end in acts]
    return is_linearizable(history, 0, register)


def test_what_can_have_happened_one_after_the_other_is_linearizable() -> None:
    assert fits()
    assert fits(("read", 0, 0, 1), ("write", 1, 2, 3), ("read", 1, 4, 5))
    assert fits(("write", 1, 0, 10), ("read", 0, 1, 2), ("read", 1, 3, 4)), "during the write"
    assert fits(("write", 1, 0, None), ("read", 0, 5, 6), ("read", 1, 7, 8)), "no end was seen"
    assert fits(("write", 1, 0, 9), ("write", 2, 0, 9), ("read", 2, 1, 2), ("read", 1, 3, 4))


def test_known_bad_histories_are_not() -> None:
    assert not fits(("write", 1, 0, 1), ("read", 0, 2, 3)), "a stale read"
    assert not fits(("read", 1, 0, 1), ("write", 1, 2, 3)), "read before it was written"
    assert not fits(("write", 1, 0, 9), ("read", 1, 1, 2), ("read", 0, 3, 4)), "read back"
    twice = [("write", 1, 0, 1), ("write", 2, 2, 3), ("read", 1, 4, 5)]
    assert not fits(*twice), "a lost write"


def test_a_search_without_end_says_so() -> None:
    many: Sequence[Operation[Register]] = [
        Operation(("write", figure), 0, None) for figure in range(25)
    ]
    with pytest.raises(Undecided):
        is_linearizable([*many, Operation(("read", 99), 0, None)], 0, register)
