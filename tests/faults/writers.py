"""The people of a run: mentees who write, and mentors who take, write, and end by text."""

import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.fake_twilio import FakeTwilio, Text
from tests.faults.cast import Cast, Mentee
from tests.faults.journal import Journal, Posted, now

CODE = re.compile(r"#([A-Z][A-Z0-9]{3})\b")
WAITS_FOR_ANSWER_SECONDS = 2.5
# No fault lasts so long. A text that no webhook takes in this time ends the run.
GIVES_UP_AFTER_SECONDS = 240


class Post:
    """Posts texts as Twilio does with retries switched on: until one webhook answers 200.

    Some are late, and some come twice.
    """

    def __init__(
        self, gateways: Callable[[], list[str]], twilio: FakeTwilio, journal: Journal, seed: int
    ) -> None:
        self.gateways, self.twilio, self.journal = gateways, twilio, journal
        self.chance = random.Random(seed)
        self.copies = ThreadPoolExecutor(8)
        self.stuck = threading.Event()
        self._number = 0
        self._lock = threading.Lock()

    def text(self, number: str, words: str, *, by_mentee: bool = False) -> None:
        with self._lock:
            self._number += 1
            posted = Posted(f"SM{self._number:032d}", number, words, now())
        self.journal.add(posted)
        if self.chance.random() < 0.05:
            time.sleep(self.chance.uniform(0.2, 2))
        if self.chance.random() < 0.05:
            self.copies.submit(self._try, posted)  # a copy at the same moment
        give_up_at = time.monotonic() + GIVES_UP_AFTER_SECONDS
        while not self._try(posted):
            if time.monotonic() > give_up_at or self.stuck.is_set():
                self.stuck.set()
                return
            time.sleep(0.3)
        posted.answered_at = now()
        self.journal.count(written=by_mentee)
        if self.chance.random() < 0.05:
            self.copies.submit(self._late, posted)

    def _late(self, posted: Posted) -> None:
        time.sleep(self.chance.uniform(0.5, 8))
        self._try(posted)

    def _try(self, posted: Posted) -> bool:
        url = f"{self.chance.choice(self.gateways())}/twilio/sms"
        self.journal.count()
        try:
            answer = self.twilio.post_inbound(
                url, posted.number, posted.words, message_sid=posted.sid
            )
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def close(self) -> None:
        self.copies.shutdown()


class Mentees:
    """Some of the mentees write at any moment. Each waits a while for an answer."""

    def __init__(self, cast: Cast, post: Post, *, at_once: int, may_go_on: Callable[[], bool]):
        self.post, self.may_go_on = post, may_go_on
        self.chance = random.Random(post.chance.random())
        self.waiting = deque(cast.mentees)
        self.chance.shuffle(self.waiting)
        self.together = ThreadPoolExecutor(at_once * 3)
        self.threads = [threading.Thread(target=self._write, daemon=True) for _ in range(at_once)]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def are_writing(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def _write(self) -> None:
        while True:
            try:
                mentee = self.waiting.popleft()
            except IndexError:
                return
            while not self.may_go_on():
                time.sleep(0.1)
            if self.post.stuck.is_set():
                return
            self._write_some(mentee)
            if mentee.words:
                self.waiting.append(mentee)

    def _write_some(self, mentee: Mentee) -> None:
        seen = len(self.post.twilio.sent)
        several = self.chance.random() < 0.1
        some = [mentee.words.pop(0) for _ in range(min(3 if several else 1, len(mentee.words)))]
        if len(some) == 1:
            self.post.text(mentee.number, some[0], by_mentee=True)
        else:
            # At once and in any order, as carriers do.
            self.chance.shuffle(some)
            posts = [
                self.together.submit(self.post.text, mentee.number, words, by_mentee=True)
                for words in some
            ]
            for post in posts:
                post.result()
        give_up_at = time.monotonic() + WAITS_FOR_ANSWER_SECONDS
        while time.monotonic() < give_up_at:
            new = self.post.twilio.sent[seen:]
            seen += len(new)
            if any(text.to == mentee.number for text in new):
                return
            time.sleep(0.05)


class Mentor(threading.Thread):
    """Reads alerts, takes most of them, writes, and ends most of them."""

    def __init__(self, number: str, post: Post, seed: int) -> None:
        super().__init__(daemon=True)
        self.number, self.post = number, post
        self.chance = random.Random(seed)
        self.stopping = threading.Event()
        self._read = 0
        self._done: set[str] = set()

    def run(self) -> None:
        while not self.stopping.wait(0.3):
            for text in self._new_texts():
                if "TAKE" in text.body:
                    for code in CODE.findall(text.body):
                        self._answer(code)

    def _new_texts(self) -> list[Text]:
        new = self.post.twilio.sent[self._read :]
        self._read += len(new)
        return [text for text in new if text.to == self.number]

    def _answer(self, code: str) -> None:
        if code in self._done or self.stopping.is_set():
            return
        if self.chance.random() < 0.3:
            return  # asleep; the next rung comes, and may find them awake
        if self.stopping.wait(self.chance.uniform(0, 2)):
            return
        self._done.add(code)
        self.post.text(self.number, f"TAKE {code}")
        if self.chance.random() < 0.15 or self.stopping.wait(self.chance.uniform(0.5, 4)):
            return  # forgotten
        for _ in range(self.chance.randint(1, 2)):
            self.post.text(self.number, f"#{code} Hi, it is me. How are you today?")
            self.stopping.wait(self.chance.uniform(0.3, 3))
        if self.chance.random() < 0.85:
            self.post.text(self.number, f"DONE {code} talked We spoke about it.")
