"""What Maya writes in Spanish to the bot: words to text, free words, and words for a form."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.client import Bot
from escalation.languages import FOLDER
from gateway.catalogue import faults_in
from models import Conversation, Goal
from tests.line import MAYA, Talk
from tests.rasa_server import RasaServer


@pytest.fixture
def talk(talk: Talk, rasa: RasaServer) -> Talk:
    talk.line.bot = Bot(rasa.url, token=rasa.token, timeout_seconds=10)
    talk.texts(MAYA, "español")
    with talk.database.reading() as session:
        for conversation in session.scalars(select(Conversation)):
            # Rasa outlives the database of each test, and its dialogues have the same numbers.
            talk.line.bot.forget(conversation.id)
    return talk


def test_a_greeting_is_understood_and_of_free_words_nothing_so_she_is_asked(talk: Talk) -> None:
    for words in ("hola", "menú", "gracias"):
        talk.texts(MAYA, words)
    said = " ".join(talk.read_by(MAYA))
    assert "¡Hola!" in said
    assert "De nada." in said
    assert "SÍ o NO" not in said
    talk.texts(MAYA, "mi gato se comió mi lonche")
    assert "¿Le pido a Sam, tu mentor, que te escriba aquí? SÍ o NO" in talk.read_by(MAYA)[-1]


def test_a_goal_in_her_own_words_is_kept_as_she_wrote_it(talk: Talk) -> None:
    for words in ("meta", "7", "terminar mi ensayo de historia", "una página al día"):
        talk.texts(MAYA, words)
    for words in ("el lunes después de la escuela", "si me canso, descanso", "8"):
        talk.texts(MAYA, words)
    assert "Pasaste de 7 a 8." in talk.read_by(MAYA)[-1]
    with talk.database.reading() as session:
        assert session.scalars(select(Goal)).one().words == "terminar mi ensayo de historia"


@pytest.mark.parametrize(
    ("words", "instead", "problem"),
    [
        ("MENÚ muestra qué más hay", "La lista muestra qué más hay", "does not name MENÚ"),
        ("Bien, seguimos.", "Así seguimos, paso a paso. " * 20, "make it shorter"),
    ],
)
def test_a_text_that_loses_its_word_or_grows_too_long_is_named(
    tmp_path: Path, words: str, instead: str, problem: str
) -> None:
    shutil.copytree(FOLDER, tmp_path / "locales")
    file = tmp_path / "locales" / "es" / "bot.po"
    before = file.read_text("utf-8")
    assert words in before
    file.write_text(before.replace(words, instead, 1), "utf-8")
    assert any(problem in str(fault) for fault in faults_in(tmp_path / "locales", "es"))
