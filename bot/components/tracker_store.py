"""Rasa's memory of a dialogue, encrypted at rest."""

from __future__ import annotations

import base64
import binascii
import copy
import json
import os
import sqlite3
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any

from components.speedups import copy_slot
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    Event,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from rasa.shared.utils.common import all_subclasses

KEY = "WARMLINE_KEY"
# The former key, while the key is being changed.
OLD_KEY = "WARMLINE_OLD_KEY"

# Rasa goes through all events of a dialogue several times a turn, so without a limit each answer of
# a long evening would take longer. A turn is about ten events.
LONGEST = 160
KEPT_OF_LONGEST = 80

# The last dialogues stay deserialized, at most about 100 kB each.
AT_HAND = 64

# Details of the intent model that only the current turn needs. Ten times the size of the rest.
READ_ONCE = ("intent_ranking", "text_tokens", "response_selector")

# Each event with its line, so that we serialize it once.
Lines = list[tuple[Event, str]]


class KeyProblem(RasaException):
    """The key is missing, malformed, or not the one that the file was written with."""


class FileProblem(RasaException):
    """The file is not a tracker file."""


def ciphers() -> list[Fernet]:
    """The cipher to write with, then one that still reads if the key is being changed.

    Raises KeyProblem.
    """
    key, old = os.environ.get(KEY), os.environ.get(OLD_KEY)
    if not key:
        raise KeyProblem(
            f"{KEY} is missing. The bot keeps dialogues encrypted and does not start without it. "
            "Set it to the same value as the gateway's; .env.example says how to make one."
        )
    return [tracker_cipher(KEY, key), *([tracker_cipher(OLD_KEY, old)] if old else [])]


def tracker_cipher(setting: str, key: str) -> Fernet:
    """A cipher with a key for the tracker alone, derived from the master key."""
    try:
        master = base64.urlsafe_b64decode(key)
    except (binascii.Error, ValueError):
        master = b""
    if len(master) != 32:
        raise KeyProblem(
            f"{setting} is not a usable key: it must be 32 bytes in url-safe base64 "
            "(44 characters). .env.example says how to make one."
        )
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"warmline tracker")
    return Fernet(base64.urlsafe_b64encode(derived.derive(master)))


class Tracker(DialogueStateTracker):
    """Rasa's, with a cheap copy. Rasa copies a tracker for every action that it runs, and replays
    all events for it, which takes a tenth of the time of an answer."""

    def copy(self) -> Tracker:
        twin = copy.copy(self)
        twin.events = copy.copy(self.events)
        twin.slots = {name: copy_slot(slot) for name, slot in self.slots.items()}
        twin.active_loop = copy.copy(self.active_loop)
        return twin


class EncryptedTrackerStore(TrackerStore):
    """One row for each dialogue: its number, and its events as one ciphertext.

    Only the number is readable: "topic_loneliness" says enough about a person, and so do the hours
    at which they wrote. Nothing outlives the next session or restart.
    """

    def __init__(
        self,
        domain: Domain | None = None,
        host: str | None = None,
        event_broker: Any = None,
        db: str = "../var/tracker.db",
        **kwargs: Any,
    ) -> None:
        """Open `db`, a SQLite file. Raises KeyProblem or FileProblem before anything is written."""
        super().__init__(domain, event_broker, **kwargs)
        known = ciphers()
        self._cipher = MultiFernet(known)
        self._file = opened(db)
        self._try_key(db)
        if len(known) > 1:
            self._change_key(known[0])
        self._at_hand: OrderedDict[str, Lines] = OrderedDict()
        self._version = self._version_on_disk()

    def init_tracker(self, sender_id: str) -> Tracker:
        return Tracker(sender_id, self.domain.slots)

    async def retrieve(self, sender_id: str) -> Tracker | None:
        """A copy. Changes to it are stored only by `save`."""
        lines = self._lines(sender_id)
        if not lines:
            return None
        events = [event for event, _ in lines]
        return Tracker.from_events(sender_id, events, self.domain.slots)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Replace the stored events. A dialogue that was just restarted has none."""
        await self.stream_events(tracker)
        events = since_beginning(list(tracker.events))
        if not events:
            return
        if isinstance(events[-1], Restarted):
            self.delete(tracker.sender_id)
            return
        known = {id(event): line for event, line in self._lines(tracker.sender_id)}
        kept = shortened(events, self.domain)
        lines = [(event, known.get(id(event)) or to_line(event)) for event in kept]
        told = "\n".join(line for _, line in lines)
        self._file.execute(
            "INSERT OR REPLACE INTO dialogue (sender_id, told) VALUES (?, ?)",
            [tracker.sender_id, self._cipher.encrypt(told.encode())],
        )
        self._keep_at_hand(tracker.sender_id, lines)

    def delete(self, sender_id: str) -> None:
        """Erase a dialogue, from the write-ahead log too."""
        self._at_hand.pop(sender_id, None)
        erased = self._file.execute("DELETE FROM dialogue WHERE sender_id = ?", [sender_id])
        if erased.rowcount:
            self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def keys(self) -> list[str]:
        return [sender for (sender,) in self._file.execute("SELECT sender_id FROM dialogue")]

    def _lines(self, sender_id: str) -> Lines:
        version = self._version_on_disk()
        if version != self._version:
            self._version = version
            self._at_hand.clear()
        if sender_id not in self._at_hand:
            query = "SELECT told FROM dialogue WHERE sender_id = ?"
            found = self._file.execute(query, [sender_id]).fetchone()
            if found is None:
                return []
            told = self._cipher.decrypt(found[0]).decode().split("\n")
            self._keep_at_hand(sender_id, [(from_line(line), line) for line in told])
        return self._at_hand[sender_id]

    def _keep_at_hand(self, sender_id: str, lines: Lines) -> None:
        self._at_hand[sender_id] = lines
        self._at_hand.move_to_end(sender_id)
        if len(self._at_hand) > AT_HAND:
            self._at_hand.popitem(last=False)

    def _version_on_disk(self) -> int:
        """Changes when another process writes to the file."""
        return int(self._file.execute("PRAGMA data_version").fetchone()[0])

    def _change_key(self, cipher: Fernet) -> None:
        """Encrypt anew what the former key wrote. It can be stopped anywhere and done again."""
        for sender, told in self._file.execute("SELECT sender_id, told FROM dialogue").fetchall():
            try:
                cipher.decrypt(told)
            except InvalidToken:
                self._file.execute(
                    "UPDATE dialogue SET told = ? WHERE sender_id = ? AND told = ?",
                    [self._cipher.rotate(told), sender, told],
                )

    def _try_key(self, db: str) -> None:
        # Rasa takes an unreadable tracker for a new one, so we must not start.
        found = self._file.execute("SELECT told FROM dialogue LIMIT 1").fetchone()
        if found is None:
            return
        try:
            self._cipher.decrypt(found[0])
        except InvalidToken:
            raise KeyProblem(
                f"{KEY} is not the key that {db} was written with. Put the old key back, or "
                "move the file away: open exercises are lost then, messages are not."
            ) from None


def opened(db: str) -> sqlite3.Connection:
    """Creates the file if needed, readable for its owner only. Raises FileProblem."""
    if db != ":memory:":
        Path(db).parent.mkdir(parents=True, exist_ok=True)
        Path(db).touch(mode=0o600)
        Path(db).chmod(0o600)
    # Autocommit: every statement of ours is a whole step. Rasa opens the file on one thread and can
    # use it on another, never on two at once.
    file = sqlite3.connect(db, isolation_level=None, check_same_thread=False)
    try:
        for setting in (
            "busy_timeout = 5000",
            "secure_delete = ON",
            "journal_mode = WAL",
            "synchronous = NORMAL",
        ):
            file.execute(f"PRAGMA {setting}")
        # The first format. Erasing a dialogue would not reach its rows.
        file.execute("DROP TABLE IF EXISTS events")
        file.execute("CREATE TABLE IF NOT EXISTS dialogue (sender_id TEXT PRIMARY KEY, told BLOB)")
    except sqlite3.DatabaseError as error:
        file.close()
        raise FileProblem(
            f"{db} cannot be used as the bot's tracker file: {error}. Move it away: open "
            "exercises are lost then, messages are not."
        ) from None
    return file


def since_beginning(events: list[Event]) -> list[Event]:
    """From the newest session or restart. Rasa never looks further back."""
    begins = [i for i, event in enumerate(events) if isinstance(event, (Restarted, SessionStarted))]
    return events[begins[-1] :] if begins else events


def shortened(events: list[Event], domain: Domain) -> list[Event]:
    """If there are too many events, the older half becomes its slots and its open form."""
    if len(events) <= LONGEST:
        return events
    turns = (
        place
        for place in range(len(events) - KEPT_OF_LONGEST, len(events) - 1)
        if is_listening(events[place]) and isinstance(events[place + 1], UserUttered)
    )
    place = next(turns, None)
    if place is None:
        return events
    beginning = since_beginning(events[:place])[:1]
    return [*beginning, *summed_up(events[:place], domain), *events[place:]]


def summed_up(events: list[Event], domain: Domain) -> list[Event]:
    """Fewer events that leave a tracker in the same state, at the end of a turn."""
    then = DialogueStateTracker.from_events("", events, domain.slots)
    when = events[-1].timestamp
    told: list[Event] = []
    if then.active_loop_name:
        # Both, as when a form begins. They tell Rasa that this is not the first run of the form.
        told.append(ActionExecuted(then.active_loop_name, timestamp=when))
        told.append(ActiveLoop(then.active_loop_name, timestamp=when))
    told.extend(
        SlotSet(slot.name, slot.value, timestamp=when)
        for slot in then.slots.values()
        if slot.value != slot.initial_value
    )
    return told


def is_listening(event: Event) -> bool:
    return isinstance(event, ActionExecuted) and event.action_name == ACTION_LISTEN_NAME


def to_line(event: Event) -> str:
    """Also removes from the event in memory what is not stored."""
    if isinstance(event, UserUttered):
        for name in READ_ONCE:
            event.parse_data.pop(name, None)
    return json.dumps(event.as_dict())


def from_line(line: str) -> Event:
    told = json.loads(line)
    return event_kinds()[told["event"]]._from_parameters(told)


@cache
def event_kinds() -> dict[str, type[Event]]:
    """Rasa's own look-up asks every class for its subclasses again for every event."""
    return {kind.type_name: kind for kind in reversed(all_subclasses(Event))}
