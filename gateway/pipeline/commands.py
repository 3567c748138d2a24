"""A command: a text that Warmline acts on itself. Two ordered registries list them all:
`mentee/commands.py` and `mentor/commands.py`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gateway.conversations.turn import Turn

M = TypeVar("M")


@dataclass(frozen=True)
class Command(Generic[M]):
    """`match` finds the command in a text; None means the text is something else.

    For mentees it runs before the bot is asked, in a transaction that has ended when `act` gets
    what it found. So it returns plain values, and `act` checks again what may have changed.
    After an `act` that returns False, the text is handled further as if it were no command.

    The bot does not hear a command, unless `bot_hears`.
    """

    match: Callable[[Turn], M | None]
    act: Callable[[Turn, M], bool | None]
    bot_hears: bool = False


@dataclass(frozen=True)
class Matched:
    command: Command[Any]
    match: Any

    def act(self, turn: Turn) -> bool:
        """Returns True when nothing is left to do for the text."""
        return self.command.act(turn, self.match) is not False


def find_commands(turn: Turn, commands: Iterable[Command[Any]]) -> Iterator[Matched]:
    for command in commands:
        if (match := command.match(turn)) is not None:
            yield Matched(command, match)
