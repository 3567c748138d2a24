"""What is said in each language: the catalogs in `locales/LANGUAGE/*.po`.

The key of a sentence is the sentence itself in English, so English needs no catalog, and a
sentence that a catalog lacks is said in English: nothing is ever lost. A new language is a
new folder.

Words to text stand in the catalogs too, with the context `keyword`: PERSON is PERSONA in
Spanish. An entry may name several, with commas between; the first is the one that is shown.
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
    """English, then each language that has a folder (BCP 47)."""
    named = {file.parent.name for file in folder.glob("*/*.po")}
    return (
        DEFAULT_LANGUAGE,
        *sorted(name for name in named - {DEFAULT_LANGUAGE} if TAG.fullmatch(name)),
    )


LANGUAGES = languages_in()


# Languages in which there are also the words for mentors and managers.
FOR_STAFF = "staff.po"
LANGUAGES_OF_STAFF = (
    DEFAULT_LANGUAGE,
    *(one for one in LANGUAGES if (FOLDER / one / FOR_STAFF).exists()),
)


class Phrase(str):
    """A sentence with its blanks filled, in English; it can be said again in another language.

    `msgid` is the sentence as the catalogs have it. A blank that holds a Phrase is said in the
    same language as the rest. To everything else it is its English words.
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
        """Itself, so that what carries a sentence, as an error does, does not lose its parts."""
        return self

    def lower(self) -> "Phrase":
        return Phrase(self.msgid, self.blanks, many=self.many, spelled=str.lower)

    def capitalize(self) -> "Phrase":
        return Phrase(self.msgid, self.blanks, many=self.many, spelled=str.capitalize)

    def said_in(self, language: str, folder: Path = FOLDER) -> str:
        blanks = {
            name: in_language(language, value, folder=folder)
            if isinstance(value, Phrase)
            else value
            for name, value in self.blanks.items()
        }
        if self.many is None:
            words = in_language(language, self.msgid, folder=folder)
        else:
            count = self.blanks["count"]
            assert isinstance(count, int)
            words = in_language_counted(language, self.msgid, self.many, count, folder=folder)
        return self.spelled(words.format_map(blanks))


def phrase(words: str, /, **blanks: object) -> Phrase:
    """A sentence for whoever reads it later, in a language known only then."""
    return Phrase(words, blanks)


def phrase_counted(one: str, many: str, count: int, /, **blanks: object) -> Phrase:
    """As `phrase`, of a number of things; `count` is a blank of it."""
    return Phrase(one, {**blanks, "count": count}, many=many)


def joined(parts: Iterable[str], between: str = ", ") -> Phrase:
    """Phrases one after the other, each to be said in its reader's language."""
    blanks = {f"part{place}": part for place, part in enumerate(parts)}
    return Phrase(between.join(f"{{{name}}}" for name in blanks), blanks)


def with_capital(words: str) -> Phrase:
    """As at the beginning of a sentence, in whatever language."""
    return Phrase(
        "{words}",
        {"words": words if isinstance(words, Phrase) else phrase(words)},
        spelled=lambda said: said[:1].upper() + said[1:],
    )


def gettext_noop(words: str) -> str:
    """Mark a sentence for the catalogs where it is written; it is said in another place."""
    return words


def in_language(
    language: str, words: str, *, context: str | None = None, folder: Path = FOLDER
) -> str:
    """`words`, which are English, in `language`; unchanged where its catalog lacks them.

    Blanks are left as they are, but for a Phrase, which has its own. `context` tells apart what
    is one word in English and two elsewhere; without an entry for it, the one without a context
    counts.

    Raises:
        BadCatalog: a file of the language cannot be read.
    """
    if not words or language == DEFAULT_LANGUAGE:
        return words
    if isinstance(words, Phrase):
        return words.said_in(language, folder)
    said = _catalog(folder, known(language, folder)).said
    if context is not None:
        found = said.pgettext(context, words)
        if found != words:
            return found
    return said.gettext(words)


def in_language_counted(
    language: str, one: str, many: str, count: int, *, folder: Path = FOLDER
) -> str:
    """`one` or `many` in `language`, as its grammar counts. Blanks are left as they are."""
    said = _catalog(folder, known(language, folder)).said
    return said.ngettext(one, many, count)


def known(language: str, folder: Path = FOLDER) -> str:
    """The language of ours that serves a reader of `language`: es for es-MX, en for all others."""
    here = LANGUAGES if folder == FOLDER else languages_in(folder)
    return best_language([language], here) or DEFAULT_LANGUAGE


def known_to_staff(language: str) -> str:
    """As `known`, for a mentor or manager: English where a language has no words for them."""
    found = known(language)
    return found if found in LANGUAGES_OF_STAFF else DEFAULT_LANGUAGE


def best_language(wanted: Iterable[str], languages: tuple[str, ...] = LANGUAGES) -> str | None:
    """The first of the wanted languages that there is; None when there is none of them."""
    return negotiate_locale([tag for tag in wanted if tag], list(languages), sep="-")


def language_name(language: str) -> str:
    """As its own readers call it: English, Español."""
    own = get_locale(language).get_display_name() or language
    return own[:1].upper() + own[1:]


def get_locale(language: str) -> Locale:
    """For dates, lists and numbers; English where Babel does not know the language."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(DEFAULT_LANGUAGE)


def one_after_another(language: str, names: Iterable[str]) -> str:
    """Names as a sentence lists them: Sam, Noor and Ruth."""
    names = list(names)
    if (
        known(language) == DEFAULT_LANGUAGE
    ):  # Babel's English sets a comma before "and"; our script does not
        return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
    return format_list(names, locale=get_locale(language))


def keyword_in(language: str, word: str) -> str:
    """The word to text in place of an English one: PERSONA for PERSON."""
    return in_language(language, word, context=KEYWORD).split(",")[0].strip()


def keyword_meant(words: str) -> str | None:
    """The English word to text that a whole message is in another language, if it is one.

    Neither case, accents nor a full stop count, nor whose language it is: who writes PERSONA
    means a person.
    """
    meant = _keywords().get(bare(words)) if len(words) < 80 else None
    # A word that is the same in English, as NO is, stays as it was written.
    return None if meant is None or words.strip().casefold() == meant.casefold() else meant


def words_for(keyword: str) -> list[str]:
    """What may be texted for an English word: itself, and its words in every other language."""
    return [
        keyword,
        *(
            word.strip()
            for language in LANGUAGES[1:]
            for word in _catalog(FOLDER, language).keywords.get(keyword, "").split(",")
            if word.strip()
        ),
    ]


def language_named(words: str) -> str | None:
    """The language that a whole message names in its own words: es for ESPAÑOL or espanol."""
    named = {bare(language_name(language)): language for language in LANGUAGES}
    return named.get(bare(words)) if len(words) < 80 else None


@cache
def _keywords() -> Mapping[str, str]:
    return {
        bare(word): english
        for language in reversed(LANGUAGES)
        for english, said in _catalog(FOLDER, language).keywords.items()
        for word in said.split(",")
    }


def bare(words: str) -> str:
    return without_accents(words.strip().strip(".!¡?¿,;").strip())


def without_accents(words: str) -> str:
    """In small letters, and á as a: on a phone many leave the accents out."""
    apart = unicodedata.normalize("NFKD", words.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


@dataclass(frozen=True)
class _Catalog:
    said: NullTranslations = field(default_factory=NullTranslations)
    keywords: Mapping[str, str] = field(default_factory=dict)


@cache
def _catalog(folder: Path, language: str) -> _Catalog:
    """All files of a language as one; what is marked fuzzy does not count."""
    said, keywords = NullTranslations(), dict[str, str]()
    for file in sorted((folder / language).glob("*.po"), reverse=True):
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


# What stands for each part of a time in strftime's forms, in the patterns that Babel reads.
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
    """A local time or day in a form of strftime, in the names of `language`; of _PARTS alone."""
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
    # Its own zone: Babel takes any time to UTC otherwise.
    return format_datetime(at, pattern, tzinfo=at.tzinfo, locale=locale)


def how_long(time: timedelta, language: str) -> str:
    """A length of time, roughly, in a language other than English: 4 minutos, 3 horas."""
    return format_timedelta(
        time, granularity="minute", threshold=1.5, locale=get_locale(known(language))
    )
