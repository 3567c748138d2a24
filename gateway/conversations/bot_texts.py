"""The bot's fixed texts in the reader's language.

The bot speaks only English (bot/domain). Its texts are translated by locales/LANGUAGE/bot.po when
they are recorded; a text without a translation is sent in English.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache

from babel.messages.catalog import Message as Entry
from sqlalchemy.orm import Session

from escalation.speech.i18n import (
    DEFAULT_LANGUAGE,
    FOLDER,
    in_language,
    keyword_in,
    known,
    read_catalog,
)
from escalation.speech.message_writer import conversation_language, speak_as_bot
from models import Conversation

FILE = "bot.po"
BLANK = re.compile(r"\{(\w+)\}")


def say_bots_words(
    session: Session, conversation: Conversation, words: str, *, now: datetime, dropped: bool
) -> None:
    said = in_readers_language(conversation_language(conversation), words)
    speak_as_bot(session, conversation, said, now=now, dropped=dropped, own_words=words)


def in_readers_language(language: str, words: str) -> str:
    """The bot's words in `language`; unchanged if there is no translation."""
    language = known(language)
    if language == DEFAULT_LANGUAGE:
        return words
    said = in_language(language, words)
    if said != words:
        return said
    for pattern, msgid in _with_blanks(language):
        if filled := pattern.fullmatch(words):
            blanks = {
                name: _filling(language, name, value) for name, value in filled.groupdict().items()
            }
            return in_language(language, msgid).format_map(blanks)
    return words


def _filling(language: str, name: str, value: str) -> str:
    """Only the blank `also`, a topic's name, needs a translation; the others are numbers."""
    if name != "also":
        return value
    shown = keyword_in(language, value.upper())
    return value if shown == value.upper() else shown


@cache
def _with_blanks(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Texts with blanks, as patterns. The text with the most fixed words is tried first."""
    entries = [str(entry.id) for entry in _entries(language) if BLANK.search(str(entry.id))]
    entries.sort(key=lambda msgid: len(BLANK.sub("", msgid)), reverse=True)
    return [(_pattern(msgid), msgid) for msgid in entries]


def _entries(language: str) -> Iterator[Entry]:
    file = FOLDER / language / FILE
    if file.exists():
        yield from (entry for entry in read_catalog(file, language) if not entry.context)


def _pattern(msgid: str) -> re.Pattern[str]:
    """A blank that occurs twice must match the same words."""
    parts, named = [], set[str]()
    for position, part in enumerate(BLANK.split(msgid)):
        if position % 2 == 0:
            parts.append(re.escape(part))
        elif part in named:
            parts.append(f"(?P={part})")
        else:
            named.add(part)
            parts.append(f"(?P<{part}>.+?)")
    return re.compile("".join(parts), re.DOTALL)
