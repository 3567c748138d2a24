"""Maya reads Spanish: what the bot says reaches her in it, and her words reach the bot."""

import pytest
from sqlalchemy import select

from bot.client import Bot
from gateway.authoring.content import read_content
from gateway.conversations.bot_texts import in_readers_language
from gateway.conversations.quick_replies import answer_meant, choices_in
from models import Conversation, Goal, Need, Status, Urgency
from tests.line import MAYA, NOOR, SAM, Talk
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


def test_maya_goes_from_the_menu_through_an_exercise_in_spanish(talk: Talk) -> None:
    talk.texts(MAYA, "menú")
    assert "RESPIRAR, CALMA, RELAJAR" in " ".join(talk.read_by(MAYA))
    talk.texts(MAYA, "respirar")
    assert talk.read_by(MAYA)[-1].endswith("de 0 (calma) a 10 (lo más posible)?")
    talk.texts(MAYA, "8")
    assert "Envía LISTO cuando termines." in talk.read_by(MAYA)[-1]
    talk.texts(MAYA, "listo")
    talk.texts(MAYA, "3")
    assert "Pasaste de 8 a 3." in talk.read_by(MAYA)[-1]


def test_an_exercise_that_was_left_goes_on_with_seguir(talk: Talk) -> None:
    talk.texts(MAYA, "respirar")
    talk.texts(MAYA, "salir")
    assert "Envía SEGUIR para volver a él" in talk.read_by(MAYA)[-1]
    talk.texts(MAYA, "Seguir")
    assert "¿Qué tanta tensión sientes" in talk.read_by(MAYA)[-1]


def test_an_answer_in_spanish_words_is_the_number_beside_it(talk: Talk) -> None:
    talk.texts(MAYA, "phq")
    assert "1 varios días" in talk.read_by(MAYA)[-1]
    talk.texts(MAYA, "Varios dias")
    assert "Se ha sentido decaído(a)" in talk.read_by(MAYA)[-1]


@pytest.mark.parametrize(
    "words", ["me siento un poco raro con mis tareas", "hola como estas", "que puedes hacer"]
)
def test_free_words_in_spanish_get_an_honest_line_that_names_persona(
    talk: Talk, words: str
) -> None:
    before = len(talk.read_by(MAYA))
    talk.texts(MAYA, words)
    said = " ".join(talk.read_by(MAYA)[before:])
    assert "eo poco español" in said
    assert "PERSONA" in said


def test_a_crisis_in_the_middle_of_an_exercise_calls_people_and_a_request_one(talk: Talk) -> None:
    talk.texts(MAYA, "quiero hablar con una persona")
    assert "#{1}: your mentee M. needs a person soon." in talk.read_by(SAM)[-1]
    assert (talk.handoff().need, talk.handoff().status) == (Need.REQUEST, Status.WAITING)
    talk.texts(MAYA, "ya no")
    talk.texts(MAYA, "respirar")
    talk.texts(MAYA, "me kiero morir")
    assert "988" in " ".join(talk.read_by(MAYA)[-2:])
    assert "URGENT" in talk.read_by(NOOR)[-1]
    assert talk.handoff().urgency is Urgency.CRISIS


def test_every_text_of_the_bot_has_spanish_words() -> None:
    for text in read_content().texts:
        if text.file.startswith("bot/"):
            said = in_readers_language("es", text.words.replace("{also}", "sleep"))
            assert said != text.words, text.where


def test_a_filled_blank_is_found_again_and_the_topic_is_named_in_spanish() -> None:
    said = in_readers_language(
        "es", "I also read something about sleep. Write 'sleep' and I go on with that."
    )
    assert said == "También leí algo sobre otra cosa (SUEÑO). Escribe 'SUEÑO' y sigo con eso."
    assert in_readers_language("es", "What nobody wrote down.") == "What nobody wrote down."
    assert in_readers_language("en", "OK, on we go.") == "OK, on we go."


def test_buttons_show_spanish_and_send_what_the_bot_reads() -> None:
    scale = in_readers_language(
        "es", "How often do you feel left out? 1 hardly ever, 2 some of the time, 3 often"
    )
    assert [choice.words for choice in choices_in([scale])] == ["1", "2", "3"]
    assert next(iter(choices_in([scale]))).label == "1 casi nunca"
    assert (answer_meant(scale, "A veces."), answer_meant(scale, "quizás")) == ("2", None)
    rating = in_readers_language("es", "And now: how tense do you feel, from 0 to 10?")
    assert len(choices_in([rating])) == 11
    goal = in_readers_language(
        "es", "How did it go with your goal: done, partly, or not yet? Each of them is fine to say."
    )
    assert [choice.words for choice in choices_in([goal])] == ["hecho", "en parte", "todavía no"]
    left = in_readers_language(
        "es", "No worries. Text MENU to see what I can do, or PERSON to ask for a mentor."
    )
    assert [choice.words for choice in choices_in([left])] == ["MENÚ"]


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
