"""Mentors and managers in a language of their own: every word of ours is in the catalogs.

The language here is made up. Each sentence of it is the English one in brackets, so that a word
outside of all brackets is one that no catalog has.
"""

import re
from html import unescape
from pathlib import Path

import pytest
from babel import Locale
from sqlalchemy import select

from escalation.speech import i18n
from escalation.speech.i18n import Phrase, in_language, joined, phrase, phrase_counted, with_capital
from gateway.authoring.translations import TEMPLATES_OF
from gateway.web import i18n as pages
from models import Person, Role
from tests.gateway.accounts.test_permissions import ROUTES, World, ask, world
from tests.gateway.review.reviews import TIDES, a_week_goes_by, review_page
from tests.line import JO, MAYA, RUTH, SAM, Talk
from tests.web_client import Web

__all__ = ["world"]

# What people wrote, what is the same in every language, and what an expert reads as it is.
NOT_OURS = re.compile(
    r"<(script|style|bdi|code|pre|kbd|textarea|blockquote|q|time|datalist)\b.*?</\1>"
    r"|<(\w+)[^>]* (?:dir=\"auto\"|lang=)[^>]*>.*?</\2>",
    re.DOTALL,
)
READ_ALOUD = re.compile(r'(?:aria-label|placeholder|alt|title|data-label)="([^"]*)"')
NAMES = re.compile(
    r"https\S+|\b(Warmline|CSV|XLSX|\w+wyn|Harbor|New York|E[SD]T|GMT|UTC|BST|CES?T)\b"
)
DATES = re.compile(
    r"\b\d+ (?:minutos?|horas?|días?)\b|"
    + "|".join(
        rf"\b{name}\b"
        for names in (Locale("es").months, Locale("es").days)
        for width in ("wide", "abbreviated")
        for name in names["format"][width].values()
    )
)
WORD = re.compile(r"[^\W\d_]{3,}")


class InBrackets:
    """A catalog that has every sentence of ours, in brackets, and no other."""

    def __init__(self) -> None:
        self.said = self
        self.keywords: dict[str, str] = {}
        self.known = {
            one
            for template in TEMPLATES_OF.values()
            for message in template()
            for one in ([message.id] if isinstance(message.id, str) else message.id)
        }

    def gettext(self, words: str) -> str:
        return f"⟦{words}⟧" if words in self.known else words

    def pgettext(self, context: str, words: str) -> str:
        return words

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self.gettext(one if count == 1 else many)


@pytest.fixture(scope="module")
def catalog() -> InBrackets:
    return InBrackets()


@pytest.fixture
def in_brackets(catalog: InBrackets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spanish is in brackets, and for mentors and managers, too."""
    monkeypatch.setattr(i18n, "_catalog", lambda language: catalog)
    for module in (i18n, pages):
        monkeypatch.setattr(module, "LANGUAGES_OF_STAFF", ("en", "es"))


def outside(page: str) -> list[str]:
    """The words of ours on a page that are in no brackets."""
    page = NOT_OURS.sub(" ", page[max(page.find("<body"), 0) :])
    aloud = " . ".join(READ_ALOUD.findall(page))
    seen = unescape(re.sub(r"<[^>]*>", " ", page) + " . " + unescape(aloud))
    while (fewer := re.sub(r"⟦[^⟦⟧]*⟧", " ", seen)) != seen:
        seen = fewer
    return [
        line.strip()
        for line in re.split(r"\s{2,}|[.·]", DATES.sub("", NAMES.sub("", seen)))
        if WORD.search(line)
    ]


NO_PAGE = re.compile(r"/chat|live|\.csv|\{form\}|metrics|healthz|readyz|widget|\.xlsx|/sign-in")
PAGES_OF_STAFF = [name for name in ROUTES if name.startswith("GET ") and not NO_PAGE.search(name)]


@pytest.mark.parametrize("name", PAGES_OF_STAFF)
def test_every_word_of_a_page_for_staff_is_in_the_catalogs(
    in_brackets: None, world: World, tmp_path: Path, name: str
) -> None:
    route = ROUTES[name]
    request, app = f"GET {route.path.format_map(world.numbers)}", world.app(route)
    database = world.begin_anew(tmp_path / "copy.db")
    with database.writing() as session:
        for person in session.scalars(select(Person).where(Person.role != Role.MENTEE)):
            person.language = "es"
    for who in ("mentor", "manager"):
        answer = ask(app, request, world.cookies[who], {})
        if answer.status < 300 or answer.status >= 400:
            found = outside(answer.body)
            assert found == [], f"{name} for a {who}: {found}"
    database.engine.dispose()


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/link", "/sign-in/link/not-a-link"])
def test_the_sign_in_is_in_the_language_that_the_browser_asks_for(
    in_brackets: None, talk: Talk, path: str
) -> None:
    web = Web(talk)
    assert outside(web.gets(path, **{"Accept-Language": "es-MX,en;q=0.5"}).text) == []


@pytest.fixture
def talk(talk: Talk) -> Talk:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(SAM).id).language = "es"
    return talk


def test_the_duty_switch_sends_the_same_word_in_every_language(
    in_brackets: None, talk: Talk
) -> None:
    talk.sets(RUTH, language="es")
    web = Web(talk)
    web.is_now(RUTH)
    page = web.gets("/program").text
    assert "⟦Switch on⟧" in page
    assert 'name="duty" value="on"' in page


def test_the_steps_of_a_reviewed_week_are_in_the_catalogs(in_brackets: None, talk: Talk) -> None:
    talk.sets(RUTH, language="es")
    talk.texts(JO, TIDES)
    a_week_goes_by(talk)
    web = Web(talk)
    web.is_now(RUTH)
    page = web.gets(review_page(talk, JO)).text
    steps = re.findall(r'class="what"><bdi>(.*wrote.*)</bdi>', page)
    greeted_and_answered = 2 * ["⟦⟦The bot⟧ wrote: ⟦delivered⟧⟧"]
    assert steps == ["⟦Jo wrote⟧", *greeted_and_answered]


def test_every_text_to_a_mentor_is_in_the_catalogs(in_brackets: None, talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a person please")
    texts = (
        "help, waiting, take, brief, note her aunt is here, Hi Maya, give {1} to Noor, later 30, "
    )
    texts += "away until monday, on, off, take 99, done {1} talked, done, which one"
    for words in texts.split(", "):
        talk.texts(SAM, words)
    read = [re.sub(r"⟦.*⟧|https\S+", "", words, flags=re.DOTALL) for words in talk.read_by(SAM)]
    ours = [words for words in read if WORD.search(re.sub(r"Warmline( bot)?:", "", words))]
    assert ours == []


# --- sentences that are made before their reader is known ---


def test_a_phrase_is_its_english_and_is_said_in_another_language_with_all_that_is_in_it(
    in_brackets: None,
) -> None:
    told = phrase("Text to {name}: {delivery}", name="{Sam} 100%", delivery=phrase("being sent"))
    assert told == "Text to {Sam} 100%: being sent"
    assert in_language("es", told) == "⟦Text to {Sam} 100%: ⟦being sent⟧⟧"
    assert in_language("en", told) == told
    assert in_language("es", with_capital(phrase("being sent"))) == "⟦being sent⟧"
    assert with_capital("being sent") == "Being sent"
    assert in_language("es", joined(["Sam", phrase("being sent")])) == "Sam, ⟦being sent⟧"


def test_a_count_chooses_singular_or_plural(in_brackets: None) -> None:
    one, many = "{count} message", "{count} messages"
    told = [phrase_counted(one, many, count) for count in (0, 1, 2)]
    assert told == ["0 messages", "1 message", "2 messages"]


def test_a_refusal_is_said_in_its_readers_language(in_brackets: None) -> None:
    refused = ValueError(phrase("#{number} is closed.", number=7))
    assert isinstance(str(refused), Phrase)
    assert in_language("es", str(refused)) == "⟦#7 is closed.⟧"
