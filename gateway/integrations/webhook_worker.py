"""Telling webhooks, beside everything else: who answers slowly holds up nobody but themselves."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from gateway.integrations.webhook_client import post, signed
from gateway.integrations.webhook_outbox import due_webhooks, note_answer, note_moves, take_next
from gateway.runtime.line import Line
from models import Channel

log = structlog.get_logger()

AT_A_TIME = 8


def is_demo(line: Line) -> bool:
    """Whether the phones are the demo's; there a program on the same machine may be told."""
    return line.rules.texting is Channel.PHONES


def tell(line: Line, webhook_id: int, ending: threading.Event | None = None) -> None:
    """Send one webhook what is due, in order, until all is or one does not arrive.

    Once `ending` is set no further one is begun: the rest stands there for the next start.
    """
    while ending is None or not ending.is_set():
        with line.database.writing() as session:
            taken = take_next(session, webhook_id, now=line.clock())
        if taken is None:
            return
        headers = signed(taken.secret, taken.number, taken.body, now=line.clock())
        answer = post(taken.url, taken.body, headers, demo=is_demo(line))
        with line.database.writing() as session:
            note_answer(session, taken.delivery_id, answer, now=line.clock())
        if not answer.arrived:
            # Not the address: it may hold a key of somebody else's.
            log.warning(
                "a webhook was not told",
                webhook=webhook_id,
                delivery=taken.delivery_id,
                status=answer.status,
                why=answer.why,
            )
            return


class Teller:
    """Tells each webhook on a thread of its own, and no webhook on two at once."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._threads = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="webhook")
        self._busy: set[int] = set()
        self._lock = threading.Lock()
        self.ending = threading.Event()

    def go_round(self) -> list[Future[None]]:
        """Write what is to be told, and begin telling whoever is not being told already."""
        now = self.line.clock()
        note_moves(self.line.database, now=now)
        with self.line.database.reading() as session:
            due = due_webhooks(session, now=now)
        begun = []
        for webhook_id in due:
            with self._lock:
                if webhook_id in self._busy:
                    continue
                self._busy.add(webhook_id)
            begun.append(self._threads.submit(self._tell, webhook_id))
        return begun

    def stop(self) -> None:
        """Wait for the posts that are under way, and begin no more."""
        self.ending.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _tell(self, webhook_id: int) -> None:
        try:
            tell(self.line, webhook_id, self.ending)
        except Exception:
            log.exception("telling a webhook failed and will be tried again", webhook=webhook_id)
        finally:
            with self._lock:
                self._busy.discard(webhook_id)
