"""Mentees who read Spanish get Spanish; their mentors still read English."""

import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select

from escalation.speech import i18n
from escalation.speech.i18n import (
    DEFAULT_LANGUAGE,
    FOLDER,
    FOR_STAFF,
    BadCatalog,
    in_language,
    keyword_meant,
    languages_in,
    read_catalog,
)
from escalation.speech.script import load_script
from gateway.authoring.translations import (
    TEMPLATES_OF,
    faults_in,
    pages_template,
    staff_template,
    update_catalogs,
)
from gateway.conversations.quick_replies import choices_in
from models import Handoff, Need, Person, Urgency
from tests.chat_browser import Browser, agrees, invitation
from tests.line import JO, MAYA, NOOR, SAM, Talk

TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>|data-says='[^']*'", re.DOTALL)


def reads_spanish(talk: Talk, *numbers: str) -> None:
    with talk.database.writing() as session:
        for number in numbers:
            session.get_one(Person, talk.person(number).id).language = "es"


def seen_on(page: str) -> str:
    labels = " ".join(re.findall(r'(?:aria-label|placeholder|alt)="([^"]*)"', page))
    return re.sub(r"\s+", " ", unescape(TAGS.sub(" ", page) + " " + labels))


def english_on(page: str) -> list[str]:
    shown = seen_on(page)
    found = []
    for message in pages_template():
        for words in [message.id] if isinstance(message.id, str) else list(message.id):
            plain = re.sub(r"\s+", " ", unescape(TAGS.sub(" ", str(words))))
            # Search for the text around placeholders.
            pieces = map(str.strip, re.split(r"%\(\w+\)s|\{\w+\}", plain))
            found += [one for one in pieces if len(one.split()) >= 3 and one in shown]
    return found


# --- the pages ---


def test_a_spanish_phone_reads_spanish_before_anybody_is_signed_in(talk: Talk) -> None:
    browser = Browser(talk)
    link = invitation(talk, MAYA)
    for path in ("/chat/sign-in", link):
        page = browser.gets(path, **{"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"})
        assert '<html lang="es" dir="ltr">' in page.text
        assert english_on(page.text) == []
        assert "marca 2" in page.text, "the numbers are those for people who speak Spanish"
        assert "sms:988?&body=AYUDA" in unescape(page.text)
    assert '<html lang="en"' in browser.gets("/chat/sign-in").text
    german = browser.gets("/chat/sign-in", **{"Accept-Language": "de-DE,de;q=0.9"})
    assert '<html lang="en"' in german.text, "what there is no catalog for is English"


def test_who_chooses_spanish_at_the_door_keeps_it(talk: Talk) -> None:
    browser = Browser(talk)
    english = browser.gets("/chat/sign-in").text
    assert 'href="/chat/sign-in?language=es" lang="es"' in english
    browser.gets("/chat/sign-in?language=es")
    assert "Tu número de teléfono" in browser.gets("/chat/sign-in").text
    refused = browser.posts("/chat/sign-in", phone="12")
    assert "Ese no es un número de teléfono" in refused.text
    wrong = browser.posts("/chat/sign-in/code", phone=MAYA, code="000000")
    assert english_on(wrong.text) == []
    assert browser.gets("/chat/sign-in?language=xx").status_code == 200
    assert "Tu número" in browser.gets("/chat/sign-in?language=xx").text


def test_a_first_visit_from_the_terms_to_a_person_and_back_is_all_in_spanish(talk: Talk) -> None:
    reads_spanish(talk, MAYA)
    browser = Browser(talk)
    browser.is_now(MAYA)

    def sees(*sentences: str) -> None:
        page = browser.opens()
        assert english_on(page) == []
        for sentence in sentences:
            assert sentence in page + seen_on(page)

    assert english_on(browser.gets("/chat/terms").text) == []
    assert english_on(browser.posts("/chat/terms", age_band="13_to_15").text) == []
    assert browser.posts("/chat/terms", age_band="adult", agrees="yes").status_code == 303
    sees('value="PERSONA"')
    browser.writes("PERSONA", key="a-person-please")
    sees("Pedimos una persona", "Pediste hablar con una persona, y es posible.")
    talk.texts(SAM, "TAKE {1}")
    sees("está aquí.")
    talk.texts(SAM, "Hi Maya, Sam here.")
    sees("Hi Maya, Sam here.")  # what people write is not translated
    talk.texts(SAM, "DONE {1}")
    sees("Desde aquí vuelve el bot")
    assert "Pediste una persona." in browser.gets("/chat/you").text
    for path in ("/chat/you", "/chat/terms", "/chat/you?done=whole", "/chat/you?done=deleting"):
        assert english_on(browser.gets(path).text) == [], path


def test_what_is_refused_is_refused_in_spanish(talk: Talk) -> None:
    reads_spanish(talk, MAYA)
    agrees(talk, MAYA)
    browser = Browser(talk)
    browser.is_now(MAYA)
    assert "Tu mensaje está vacío" in browser.writes("  ").text
    assert "más de 5000 caracteres" in browser.writes("a" * 5001).text
    assert "Elige un idioma." in seen_on(browser.posts("/chat/you/language", language="xx").text)
    for form in ("delete", "sharing"):
        refused = browser.client.post(f"/chat/you/{form}", headers={"Accept": "text/html"})
        assert refused.status_code == 422
        assert "<h1" in refused.text
        assert english_on(refused.text) == [], form
    browser.posts("/chat/sign-out")
    browser.client.cookies.set("__Host-warmline_language", "es")
    assert "no lo enviamos" in browser.writes("hola").text
    assert "no lo enviamos" in seen_on(browser.posts("/chat", words="hola").text), "without scripts"


def test_a_link_that_was_used_and_a_page_that_is_not_there_say_so_in_spanish(talk: Talk) -> None:
    link = invitation(talk, MAYA)
    for browser in (Browser(talk), Browser(talk)):
        browser.client.cookies.set("__Host-warmline_language", "es")
        answer = browser.posts(link)
    assert answer.status_code == 410
    assert "Este enlace ya se ha usado. Pide uno nuevo." in seen_on(answer.text)
    nowhere = browser.gets("/chat/nowhere")
    assert "Esta página no existe." in seen_on(nowhere.text)


def test_maya_chooses_her_language_on_her_page_and_her_mentor_reads_on_in_english(
    talk: Talk,
) -> None:
    agrees(talk, MAYA)
    browser = Browser(talk)
    browser.is_now(MAYA)
    assert english_on(browser.opens()) != [], "this check finds English"
    answer = browser.posts("/chat/you/language", language="es")
    assert answer.headers["location"] == "/chat/you?done=said#language"
    assert "Desde ahora te escribimos en este idioma." in browser.gets("/chat/you?done=said").text
    browser.writes("PERSONA", key="a-person-please")
    assert "#{1}: your mentee M. needs a person soon. TAKE {1}" in talk.read_by(SAM)[-1]
    browser.posts("/chat/you/language", language="en")
    assert "Privacy and settings" in browser.gets("/chat/you").text


# --- by text ---


def test_by_text_the_name_of_a_language_is_enough(talk: Talk) -> None:
    talk.texts(MAYA, "espanol")
    assert "Desde ahora Warmline te escribe en este idioma" in talk.read_by(MAYA)[-1]
    assert talk.read_by(MAYA)[-1].endswith("envía ENGLISH.")
    talk.texts(MAYA, "Persona.")
    assert "Pediste hablar con una persona, y es posible. Le pedí a Sam" in talk.read_by(MAYA)[-1]
    assert "#{1}: your mentee M. needs a person soon." in talk.read_by(SAM)[-1]
    talk.texts(MAYA, "ya no")
    assert "Está bien, tu pedido queda cancelado" in talk.read_by(MAYA)[-1]
    talk.texts(MAYA, "ENGLISH")
    assert talk.read_by(MAYA)[-1].endswith("To change it back, text ESPAÑOL.")
    talk.texts(JO, "english")
    assert "this language" not in talk.read_by(JO)[-1], "Jo reads English; it may be the subject"


def test_a_crisis_in_spanish_is_a_crisis(talk: Talk) -> None:
    reads_spanish(talk, MAYA)
    talk.texts(MAYA, "me quiero morir, ya no aguanto más")
    with talk.database.reading() as session:
        handoff = session.scalars(select(Handoff)).one()
        assert (handoff.need, handoff.urgency) == (Need.CRISIS, Urgency.CRISIS)
    said = " ".join(talk.read_by(MAYA))
    assert "Llama al 988 y marca 2" in said
    assert "911" in said
    assert "#{1} URGENT: a mentee needs a person now." in talk.read_by(NOOR)[-1]


def test_stop_a_concern_and_deletion_have_spanish_words(talk: Talk) -> None:
    reads_spanish(talk, MAYA)
    for word in ("ALTO", "parar"):
        talk.texts(MAYA, word)
        assert talk.person(MAYA).opted_out_at is not None
        talk.texts(MAYA, "INICIAR")
        assert talk.person(MAYA).opted_out_at is None
    talk.texts(MAYA, "QUEJA: Sam me incomoda")
    assert "Lo leen los responsables, ningún mentor." in talk.read_by(MAYA)[-1]
    talk.texts(MAYA, "borrar mis datos")
    assert "envía BORRAR TODO" in talk.read_by(MAYA)[-1]
    talk.texts(MAYA, "borrar todo")
    assert "se borran el" in talk.read_by(MAYA)[-1]
    assert not re.search(r"(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day", talk.read_by(MAYA)[-1])


def test_the_buttons_offer_what_the_spanish_words_name() -> None:
    said = in_language("es", load_script().lines["offer_own"])
    assert [choice.words for choice in choices_in([said])] == ["SÍ", "NO"]
    meant = {"Sí.": "OK", "menú": "MENU", "no": None, "menu": None, "no entiendo nada": None}
    assert {words: keyword_meant(words) for words in meant} == meant


# --- the catalogs ---


def test_the_catalogs_are_complete() -> None:
    languages = [one for one in languages_in() if one != DEFAULT_LANGUAGE]
    assert [str(fault) for one in languages for fault in faults_in(FOLDER, one)] == []


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "locales")
    return tmp_path / "locales"


TRANSLATION_MISTAKES = [
    ("pages", 'msgstr "Iniciar sesión en el chat"', 'msgstr ""', "chat”: is not translated"),
    ("pages", 'msgid "Your chat"\n', '#, fuzzy\nmsgid "Your chat"\n', "fuzzy"),
    ("pages", 'msgid "Choose a language."\n', 'msgid "Choose."\n', "no longer used"),
    ("pages", "Espera {wait} y", "Espera y", "placeholders differ"),
    ("pages", "llama al 911.", "llama al 912.", "numbers differ"),
    ("pages", "con un <strong>bot</strong>.", "con un bot.", "tags differ"),
    ("bot", "MENÚ muestra qué más hay", "La lista muestra qué más hay", "does not name MENÚ"),
    ("bot", "Bien, seguimos.", "Así seguimos, paso a paso. " * 20, "make it shorter"),
]


def test_translation_mistakes_are_reported(spoilt: Path) -> None:
    for name, words, instead, _ in TRANSLATION_MISTAKES:
        file = spoilt / "es" / f"{name}.po"
        before = file.read_text("utf-8")
        assert words in before, words
        file.write_text(before.replace(words, instead, 1), "utf-8")
    faults = " ".join(str(fault) for fault in faults_in(spoilt, "es"))
    assert [problem for *_, problem in TRANSLATION_MISTAKES if problem not in faults] == []
    file = spoilt / "es" / "pages.po"
    file.write_text('msgid "open\n', "utf-8")
    with pytest.raises(BadCatalog, match=r"pages\.po"):
        list(faults_in(spoilt, "es"))


def test_a_new_language_is_a_folder(spoilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (spoilt / "pt").mkdir()
    for_mentees = update_catalogs(spoilt, "pt")
    (spoilt / "pt" / FOR_STAFF).touch()
    missing = update_catalogs(spoilt, "pt")
    assert missing == sum(len(template()) for template in TEMPLATES_OF.values())
    assert missing - for_mentees == len(staff_template()), "which a language may do without"
    assert {fault.problem for fault in faults_in(spoilt, "pt")} == {"is not translated"}
    file = spoilt / "pt" / "pages.po"
    filled = file.read_text("utf-8").replace(
        'msgid "Your chat"\nmsgstr ""', 'msgid "Your chat"\nmsgstr "A sua conversa"'
    )
    file.write_text(filled, "utf-8")
    assert languages_in(spoilt) == ("en", "es", "pt")
    monkeypatch.setattr(i18n, "FOLDER", spoilt)
    monkeypatch.setattr(i18n, "LANGUAGES", languages_in(spoilt))
    monkeypatch.setattr(i18n, "_catalog", i18n._catalog.__wrapped__)
    assert in_language("pt-BR", "Your chat") == "A sua conversa"
    assert in_language("pt", "Write a message") == "Write a message"
    assert update_catalogs(spoilt, "pt") == missing - 1, "what was translated is kept"
    assert len(read_catalog(file, "pt")) == len(pages_template())
