"""Translations: the catalogs in `locales/LANGUAGE/*.po`.

The English sentence is the key, so English needs no catalog, and a sentence without a translation
stays in English. A new language is a new folder.

Keywords to text are in the catalogs too, with the context `keyword`: PERSON is PERSONA in Spanish.
An entry can list several, separated by commas; pages and texts show the first.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.dates import format_datetime, format_timedelta
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

FOLDER = Path(__file__).parents[1] / "locales"
DEFAULT_LANGUAGE = "en"
KEYWORD = "keyword"
TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")


class BadCatalog(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


def languages_in(folder: Path = FOLDER) -> tuple[str, ...]:
    named = {file.parent.name for file in folder.glob("*/*.po")} - {DEFAULT_LANGUAGE}
    return (DEFAULT_LANGUAGE, *sorted(filter(TAG.fullmatch, named)))


LANGUAGES = languages_in()
# A language with this file also translates what mentors and managers read.
FOR_STAFF = "staff.po"
LANGUAGES_OF_STAFF = tuple(
    one for one in LANGUAGES if one == DEFAULT_LANGUAGE or (FOLDER / one / FOR_STAFF).exists()
)


class Phrase(str):
    """An English sentence with its blanks filled that can still be translated.

    `msgid` is the key in the catalogs. A blank that holds a Phrase is translated with it.
    """

    msgid: str
    blanks: Mapping[str, object]
    many: str | None
    spelled: Callable[[str], str]

    def __new__(
        cls,
        msgid: str,
        blanks: Mapping[str, object],
        *,
        many: str | None = None,
        spelled: Callable[[str], str] = str,
    ) -> "Phrase":
        english = msgid if many is None or blanks["count"] == 1 else many
        self = super().__new__(cls, spelled(english.format_map(blanks)))
        self.msgid, self.blanks, self.many, self.spelled = msgid, blanks, many, spelled
        return self

    def __str__(self) -> str:
        """Itself, so that an exception that carries it keeps it translatable."""
        return self

    def lower(self) -> "Phrase":
        return Phrase(self.msgid, self.blanks, many=self.many, spelled=str.lower)

    def capitalize(self) -> "Phrase":
        return Phrase(self.msgid, self.blanks, many=self.many, spelled=str.capitalize)

    def said_in(self, language: str) -> str:
        blanks = {
            name: in_language(language, value) if isinstance(value, Phrase) else value
            for name, value in self.blanks.items()
        }
        if self.many is None:
            words = in_language(language, self.msgid)
        else:
            count = self.blanks["count"]
            assert isinstance(count, int)
            words = in_language_counted(language, self.msgid, self.many, count)
        return self.spelled(words.format_map(blanks))


def phrase(words: str, /, **blanks: object) -> Phrase:
    return Phrase(words, blanks)


def phrase_counted(one: str, many: str, count: int, /, **blanks: object) -> Phrase:
    return Phrase(one, {**blanks, "count": count}, many=many)


def joined(parts: Iterable[str], between: str = ", ") -> Phrase:
    """Phrases in a row, each translated by itself."""
    blanks = {f"part{place}": part for place, part in enumerate(parts)}
    return Phrase(between.join(f"{{{name}}}" for name in blanks), blanks)


def with_capital(words: str) -> Phrase:
    return Phrase(
        "{words}",
        {"words": words if isinstance(words, Phrase) else phrase(words)},
        spelled=lambda said: said[:1].upper() + said[1:],
    )


def gettext_noop(words: str) -> str:
    """Mark a sentence for the catalogs that is translated elsewhere."""
    return words


def in_language(language: str, words: str, *, context: str | None = None) -> str:
    """Translate the English `words`; unchanged if the catalog lacks them.

    Leaves blanks unfilled, except in a Phrase. `context` separates meanings of one English word;
    if there is no entry for it, the entry without a context counts.

    Raises BadCatalog.
    """
    if not words or language == DEFAULT_LANGUAGE:
        return words
    if isinstance(words, Phrase):
        return words.said_in(language)
    said = _catalog(known(language)).said
    if context is not None and (found := said.pgettext(context, words)) != words:
        return found
    return said.gettext(words)


def in_language_counted(language: str, one: str, many: str, count: int) -> str:
    return _catalog(known(language)).said.ngettext(one, many, count)


def known(language: str) -> str:
    """The supported language for a reader of `language`: es for es-MX, en if there is none."""
    return best_language([language], LANGUAGES) or DEFAULT_LANGUAGE


def known_to_staff(language: str) -> str:
    found = known(language)
    return found if found in LANGUAGES_OF_STAFF else DEFAULT_LANGUAGE


def best_language(wanted: Iterable[str], languages: tuple[str, ...] = LANGUAGES) -> str | None:
    return negotiate_locale([tag for tag in wanted if tag], list(languages), sep="-")


def language_name(language: str) -> str:
    own = get_locale(language).get_display_name() or language
    return own[:1].upper() + own[1:]


def get_locale(language: str) -> Locale:
    """For dates, lists and numbers; English if Babel does not know the language."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(DEFAULT_LANGUAGE)


def one_after_another(language: str, names: Iterable[str]) -> str:
    """Names in a sentence: Sam, Noor and Ruth."""
    names = list(names)
    # Babel's English has a comma before "and"; our script does not.
    if known(language) == DEFAULT_LANGUAGE:
        return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
    return format_list(names, locale=get_locale(language))


def keyword_in(language: str, word: str) -> str:
    return in_language(language, word, context=KEYWORD).split(",")[0].strip()


def keyword_meant(words: str) -> str | None:
    """The English keyword if the whole message is one in another language, else None.

    Ignores case, accents, punctuation, and the writer's own language.
    """
    meant = _keywords().get(bare(words)) if len(words) < 80 else None
    # A keyword that is the same in English, such as NO, stays as written.
    return None if meant is None or words.strip().casefold() == meant.casefold() else meant


def words_for(keyword: str) -> list[str]:
    translated = [_catalog(language).keywords.get(keyword, "") for language in LANGUAGES[1:]]
    words = (word.strip() for said in translated for word in said.split(","))
    return [keyword, *filter(None, words)]


def language_named(words: str) -> str | None:
    """The language if the whole message is its name: es for ESPAÑOL or espanol."""
    named = {bare(language_name(language)): language for language in LANGUAGES}
    return named.get(bare(words)) if len(words) < 80 else None


@cache
def _keywords() -> Mapping[str, str]:
    return {
        bare(word): english
        for language in reversed(LANGUAGES)
        for english, said in _catalog(language).keywords.items()
        for word in said.split(",")
    }


def bare(words: str) -> str:
    return without_accents(words.strip().strip(".!¡?¿,;").strip())


def without_accents(words: str) -> str:
    """Lower case and without accents: many people leave them out on a phone."""
    apart = unicodedata.normalize("NFKD", words.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


@dataclass(frozen=True)
class _Catalog:
    said: NullTranslations = field(default_factory=NullTranslations)
    keywords: Mapping[str, str] = field(default_factory=dict)


@cache
def _catalog(language: str) -> _Catalog:
    """All files of a language in one. Fuzzy entries do not count."""
    said, keywords = NullTranslations(), dict[str, str]()
    for file in sorted((FOLDER / language).glob("*.po"), reverse=True):
        read = read_catalog(file, language)
        compiled = BytesIO()
        write_mo(compiled, read)
        compiled.seek(0)
        translations = GNUTranslations(compiled)
        translations.add_fallback(said)
        said = translations
        for message in read:
            if message.context == KEYWORD and message.string and not message.fuzzy:
                keywords[str(message.id)] = str(message.string)
    return _Catalog(said, keywords)


def read_catalog(file: Path, language: str) -> Catalog:
    """Raises BadCatalog."""
    try:
        with file.open("rb") as entries:
            return read_po(entries, locale=language.replace("-", "_"), abort_invalid=True)
    except (PoFileError, UnknownLocaleError, UnicodeDecodeError, ValueError) as error:
        raise BadCatalog(file, str(error)) from error


# strftime's codes and Babel's patterns.
_PARTS = {
    "%A": "EEEE",
    "%a": "EEE",
    "%d": "d",
    "%-d": "d",
    "%B": "MMMM",
    "%b": "MMM",
    "%Y": "y",
    "%H": "HH",
    "%M": "mm",
}


def written(at: date, form: str, language: str = DEFAULT_LANGUAGE) -> str:
    """A local time or date in `language`. `form` uses only the codes of _PARTS."""
    language = known(language)
    if language == DEFAULT_LANGUAGE:
        return f"{at:{form}}"
    locale = get_locale(language)
    pattern = form.replace("%A %d %B %Y", locale.date_formats["full"].pattern)
    pattern = pattern.replace("%d %B %Y", locale.date_formats["long"].pattern)
    for part, letters in _PARTS.items():
        pattern = pattern.replace(part, letters)
    if not isinstance(at, datetime):
        at = datetime.combine(at, time())
    # Otherwise Babel converts it to UTC.
    return format_datetime(at, pattern, tzinfo=at.tzinfo, locale=locale)


def how_long(time: timedelta, language: str) -> str:
    """A rounded duration in a language other than English: 4 minutos, 3 horas."""
    return format_timedelta(
        time, granularity="minute", threshold=1.5, locale=get_locale(known(language))
    )
