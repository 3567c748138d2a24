"""Wake every open page when something changed."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from types import FrameType

import structlog
from anyio import CapacityLimiter
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from escalation.speech.i18n import gettext_noop
from gateway.runtime.line import Line
from gateway.web.rendering import PageRefused
from models import HandoffEvent, Message

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 0.3
# A change may be committed after a later one and so leave the newest times as they were. Pages
# are therefore woken once more when things have been quiet for this many looks.
ECHO_AFTER_LOOKS = 4
# Each page of the chat asks the database after every change, so many of them slow everybody.
MOST_PAGES = 5
MOST_PAGES_TOGETHER = 400

TOO_MANY_PAGES = gettext_noop("Too many pages are open. This one tries again by itself.")


@dataclass(eq=False)
class Listener:
    """One open page. `who` is None if nobody is signed in there."""

    who: str | None
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False

    def close(self) -> None:
        self.is_closed = True
        self.woken.set()


class Pulse:
    """One a process: looks for changes while any page is open, and wakes all of them."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._seen = ""
        # The oldest first.
        self._listeners: list[Listener] = []
        self._ended = False
        # Open pages use few threads, so that they never keep requests waiting for one.
        self.threads = CapacityLimiter(4)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                self._end_on(number, loop)

    async def stop(self) -> None:
        self._end()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.contextmanager
    def listen(self, who: str | None) -> Iterator[Listener]:
        """Count one more open page of `who`, and close their oldest one above MOST_PAGES.

        Raises PageRefused when this process has too many.
        """
        own = [one for one in self._listeners if one.who == who and not one.is_closed]
        if who is not None and len(own) >= MOST_PAGES:
            own[0].close()
        if len(self._listeners) >= MOST_PAGES_TOGETHER:
            raise PageRefused(503, TOO_MANY_PAGES)
        listener = Listener(who)
        self._listeners.append(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)

    async def changes(self, listener: Listener) -> AsyncIterator[str]:
        """An id at once, and then one after each change, until the page is closed or the server
        ends."""
        while not self._ended and not listener.is_closed:
            listener.woken.clear()
            yield self._seen
            await listener.woken.wait()

    async def _watch(self) -> None:
        quiet = ECHO_AFTER_LOOKS
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            if not self._listeners:
                continue
            try:
                newest = await asyncio.to_thread(self._newest)
            except SQLAlchemyError as error:
                log.warning("cannot look for changes", kind=type(error).__name__)
                continue
            changed = newest != self._seen
            quiet = 0 if changed else quiet + 1
            self._seen = newest
            if changed or quiet == ECHO_AFTER_LOOKS:
                self._wake()

    def _newest(self) -> str:
        newest = select(
            select(func.max(Message.id)).scalar_subquery(),
            select(func.max(Message.moved_at)).scalar_subquery(),
            select(func.max(HandoffEvent.id)).scalar_subquery(),
        )
        with self._line.database.reading() as session:
            message, moved_at, event = session.execute(newest).one()
        return f"{message or 0}.{moved_at.timestamp() if moved_at else 0:.6f}.{event or 0}"

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.woken.set()

    def _end(self) -> None:
        self._ended = True
        self._wake()

    def _end_on(self, number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
        """End the streams at once when the server shuts down, because it waits for them."""
        before = signal.getsignal(number)

        def end(signal_number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._end)
            if callable(before):
                before(signal_number, frame)

        signal.signal(number, end)
