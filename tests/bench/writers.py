"""People who write one message after the other, each when the last one was answered."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import ClientSession

from tests.bench.provider import Provider
from tests.bench.rounds import Round
from tests.bench.stock import Stock
from tests.bench.usage import cpu_by_role, megabytes_by_role
from tests.bench.warmline import Post, Warmline, mentee_number

# What mentees write on an ordinary evening. None of it asks for a person.
WORDS = (
    "hi",
    "im so stressed about school",
    "tell me more",
    "how can i sleep better",
    "thanks",
    "what can you do",
    "are you a bot",
    "my exam is on friday",
    "i had a fight with my sister",
    "how do i make new friends",
    "ok thank you",
    "good night",
)
# A message takes a few seconds at worst; without its texts by then, the round is spoiled.
PATIENCE_SECONDS = 30.0
# Texts of one answer follow each other faster than this while one person writes alone.
QUIET_SECONDS = 1.5


class System(Protocol):
    name: str
    words: Sequence[str]

    @property
    def pid(self) -> int: ...

    async def say(self, person: int, place: int) -> float:
        """Write words[place] as this person. Seconds until the last reply to it arrived."""


@dataclass
class ByRest:
    """Stock Rasa: the replies are in the response."""

    stock: Stock
    session: ClientSession
    words: Sequence[str]
    name: str = "rasa init"
    without_reply: int = 0

    @property
    def pid(self) -> int:
        return self.stock.pid

    async def say(self, person: int, place: int) -> float:
        url, message = f"{self.stock.url}/webhooks/rest/webhook", self.words[place]
        began = time.monotonic()
        async with self.session.post(
            url, json={"sender": f"person-{person}", "message": message}
        ) as answer:
            answer.raise_for_status()
            self.without_reply += not await answer.json()
        return time.monotonic() - began


@dataclass
class BySms:
    """Warmline: the webhook is answered at once, and the texts arrive at the provider.

    How many texts answer a message depends on those before it. The first person's texts are
    counted, with a pause after each answer, and everyone else waits for the same number.
    """

    warmline: Warmline
    provider: Provider
    session: ClientSession
    words: Sequence[str]
    name: str = "Warmline"
    texts: list[int] = field(default_factory=list)
    other_than_first: int = 0
    _posts: dict[tuple[int, int], Post] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        return self.warmline.pid

    def sign(self, people: Sequence[int]) -> None:
        for person in people:
            for place, words in enumerate(self.words):
                number = person * len(self.words) + place
                self._posts[person, place] = self.warmline.post(person, words, number=number)

    async def learn(self, person: int) -> None:
        phone = self.provider.phones[mentee_number(person)]
        for place in range(len(self.words)):
            await self._post(person, place)
            await asyncio.wait_for(phone.get(), PATIENCE_SECONDS)
            texts, patient = 1, True
            while patient:
                try:
                    await asyncio.wait_for(phone.get(), QUIET_SECONDS)
                    texts += 1
                except TimeoutError:
                    patient = False
            self.texts.append(texts)

    async def say(self, person: int, place: int) -> float:
        phone = self.provider.phones[mentee_number(person)]
        # More texts than the first person got would otherwise count for the next message.
        self.other_than_first += phone.qsize()
        while not phone.empty():
            phone.get_nowait()
        began = last = time.monotonic()
        await self._post(person, place)
        try:
            for _ in range(self.texts[place]):
                last = await asyncio.wait_for(phone.get(), PATIENCE_SECONDS)
        except TimeoutError:
            self.other_than_first += 1
        return last - began

    async def _post(self, person: int, place: int) -> None:
        status = await self._posts[person, place].send(self.session)
        if status != 200:
            raise RuntimeError(f"The webhook answered {status} instead of 200.")


async def play(system: System, together: Sequence[int], alone: Sequence[int]) -> Round:
    """Some people write all the words at the same time, and after that others one by one."""
    before, began = cpu_by_role(system.pid), time.monotonic()
    took = await asyncio.gather(*(_write_all(system, person) for person in together))
    seconds = time.monotonic() - began
    took_alone = [await _write_all(system, person) for person in alone]
    spent, messages = cpu_by_role(system.pid), len(system.words) * (len(together) + len(alone))
    return Round(
        messages_a_second=len(system.words) * len(together) / seconds,
        together_ms=[one * 1000 for person in took for one in person],
        alone_ms=[one * 1000 for person in took_alone for one in person],
        cpu_ms={k: (spent[k] - before.get(k, 0)) * 1000 / messages for k in sorted(spent)},
        megabytes=megabytes_by_role(system.pid),
    )


async def _write_all(system: System, person: int) -> list[float]:
    return [await system.say(person, place) for place in range(len(system.words))]
