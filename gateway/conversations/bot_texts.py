"""The bot's fixed texts in the reader's language.

The bot speaks only English (bot/domain). Its texts are translated by locales/LANGUAGE/bot.po when
they are recorded; a text without a translation is sent in English.
"""

import re
from functools import cache

from escalation.speech.i18n import (
    DEFAULT_LANGUAGE,
    FOLDER,
    in_language,
    keyword_in,
    known,
    read_catalog,
)
from escalation.speech.message_writer import conversation_language, speak_as_bot
from escalation.transaction import Transaction
from models import Conversation

FILE = "bot.po"
BLANK = re.compile(r"\{(\w+)\}")


def say_bots_words(
    tx: Transaction, conversation: Conversation, words: str, *, dropped: bool = False
) -> None:
    said = in_readers_language(conversation_language(conversation), words)
    speak_as_bot(tx.session, conversation, said, now=tx.now, dropped=dropped, own_words=words)


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
    file = FOLDER / language / FILE
    entries = read_catalog(file, language) if file.exists() else ()
    msgids = [str(one.id) for one in entries if not one.context and BLANK.search(str(one.id))]
    msgids.sort(key=lambda msgid: len(BLANK.sub("", msgid)), reverse=True)
    return [(_pattern(msgid), msgid) for msgid in msgids]


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
