"""The kind of danger decides what a mentee reads and what a mentor is told to do."""

from sqlalchemy import select

from escalation.transaction import Transaction
from gateway.console.handoff_page import build_details, build_view
from gateway.conversations.decision_records import decided_on
from gateway.handoffs.brief.guide import load_guide
from gateway.reporting.exceptions import list_disclosures
from gateway.reporting.period import get_scope
from gateway.safeguarding.records import Report, open_record
from models import Concern, Danger, DecisionRecord, Handoff, Person, Program, Urgency
from tests.line import JO, MAYA, NOOR, RUTH, Talk

READS = (
    ("i want to kill myself", Danger.SUICIDE, ("988", "911")),
    ("my stepdad hit me again", Danger.ABUSE_AT_HOME, ("not your fault", "800-422-4453", "911")),
    ("i was raped last night", Danger.SEXUAL, ("not your fault", "800-656-4673", "911")),
    ("a kid said hes gonna bring a gun tmrw", Danger.VIOLENCE, ("right to tell", "call 911")),
    ("i make myself throw up after every meal", Danger.EATING, ("888-375-7767", "988")),
    ("my friend doesnt wanna be here anymore", Danger.SOMEBODY_ELSE, ("worry about a friend",)),
)


def test_a_mentee_reads_the_numbers_for_their_kind_of_danger(talk: Talk) -> None:
    for count, (words, danger, named) in enumerate(READS):
        number = f"+1202555017{count}"
        talk.enrolls(f"Mentee {count}", number)
        talk.texts(number, words)
        handoff = talk.handoff()
        assert (handoff.danger, handoff.urgency) == (danger, Urgency.CRISIS), words
        answer = talk.read_by(number)[-1]
        assert all(part in answer for part in named), answer
        if danger in (Danger.ABUSE_AT_HOME, Danger.SEXUAL, Danger.VIOLENCE):
            assert "ending your life" not in answer


def test_a_drunk_stepdad_is_not_answered_with_suicide(talk: Talk) -> None:
    talk.texts(JO, "my stepdad is drunk and throwing stuff again")
    answer = talk.read_by(JO)[-1]
    assert talk.handoff().danger is Danger.ABUSE_AT_HOME
    assert "800-422-4453" in answer
    assert "ending your life" not in answer


def test_the_kind_is_in_the_record_and_changes_when_the_handoff_is_raised(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a real person please")
    assert talk.handoff().danger is None
    talk.texts(MAYA, "my uncle touches me when hes here")
    assert talk.handoff().danger is Danger.SEXUAL
    talk.texts(MAYA, "my friend doesnt wanna be here anymore")
    assert talk.handoff().danger is Danger.SEXUAL, "what raised it stays"
    kinds = [decided_on(record)[0].danger for record in talk.rows(DecisionRecord)]
    assert kinds == [None, Danger.SEXUAL, Danger.SOMEBODY_ELSE]
    assert "sexual" not in " ".join(talk.read_by(NOOR)), "no content by SMS"


def test_the_brief_fits_the_danger(talk: Talk) -> None:
    cases = (
        ("my stepdad is drunk and throwing stuff again", "safely", "Childhelp"),
        ("some guy says hell post my nudes if i dont pay", "not your fault", "do not pay"),
        ("my friend doesnt wanna be here anymore", "your friend safe", "988"),
    )
    for count, (words, first, advice) in enumerate(cases):
        number = f"+1202555018{count}"
        talk.enrolls(f"Mentee {count}", number)
        talk.texts(number, words)
        with talk.database.reading() as session:
            guidance = load_guide().about(session.get_one(Handoff, talk.handoff().id))
        said = " ".join(line.text for line in (*guidance.do, guidance.first_line))
        assert first in said, words
        assert advice in said, words
        assert "Ask directly whether they are thinking of suicide" not in said


def test_after_a_crisis_she_reads_what_happens_next_and_how_to_reach_someone(talk: Talk) -> None:
    talk.texts(MAYA, "my uncle touches me when hes here")
    talk.texts(NOOR, "TAKE {}")
    talk.texts(NOOR, "#{} Maya, I am here.")
    talk.texts(NOOR, "DONE {} REFERRED her school counselor is with her")
    last = talk.read_by(MAYA)[-1]
    for part in ("Noor ended this talk", "PERSON", "ask you soon", "800-656-4673", "911"):
        assert part in last, last


def test_managers_read_once_that_a_disclosure_may_need_a_record(talk: Talk) -> None:
    def told() -> int:
        return sum("safeguarding record" in words for words in talk.read_by(RUTH))

    def listed() -> list[str]:
        with talk.database.reading() as session:
            program = session.scalars(select(Program)).one()
            scope = get_scope(talk.line, session, program)
            return [one.mentee for one in list_disclosures(scope)]

    talk.texts(MAYA, "my uncle touches me when hes here")
    talk.texts(MAYA, "he touched me again last night")
    talk.texts(JO, "i want to kill myself")
    assert (told(), listed()) == (1, ["Maya"])
    with talk.database.writing() as session:
        maya, ruth = (session.get_one(Person, talk.person(one).id) for one in (MAYA, RUTH))
        report = Report(maya, Concern.ABUSE, "told by text", ruth)
        open_record(Transaction(session, talk.line.rules, talk.clock()), report)
    assert listed() == []


def test_the_page_shows_what_raised_it_as_well_as_what_opened_it(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a real person please")
    talk.texts(MAYA, "my uncle touches me when hes here")
    with talk.database.reading() as session:
        ruth = session.get_one(Person, talk.person(RUTH).id)
        view = build_view(session, ruth, talk.handoff().id)
        details = build_details(session, talk.line, ruth, view)
    assert "".join(one.words for one in details.opening_words).startswith("can i talk")
    ((record, words),) = details.raised_by
    assert "".join(one.words for one in words) == "my uncle touches me when hes here"
    assert "crisis" in record.why
