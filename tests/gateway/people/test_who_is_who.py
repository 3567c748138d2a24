"""A number alone does not say who somebody is, and neither does a name."""

from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import Result

from gateway.chat.sign_in import invite
from gateway.people.enrollment import enroll
from gateway.people.people_file.import_plan import Plan
from gateway.people.people_file.reading import read_people
from gateway.people.questions import Answer
from models import Conversation, Handoff, Match, Message, Person, Program
from tests.commands import warmline
from tests.gateway.people.test_import_pages import HEADER, hidden, preview_lines, previews
from tests.line import MAYA, NOOR, RUTH, SAM, Talk
from tests.processes import KEY
from tests.web_client import Web

NEW = "+12025550130"
SECRET = "i hide in the garage when dad drinks"


def imports(talk: Talk, text: str, **answers: Answer) -> Plan:
    """Enroll a file; `line2=Answer.NEW` answers the question about line 2."""
    said = {int(line.removeprefix("line")): answer for line, answer in answers.items()}
    with talk.database.writing() as session:
        program = session.scalars(select(Program).order_by(Program.id)).first()
        assert program is not None
        people = read_people(text.encode(), timezone=program.timezone)
        planned, _ = enroll(session, program, people, now=talk.clock(), answers=said)
        return planned


def named(talk: Talk, name: str) -> Person:
    [person] = [person for person in talk.rows(Person) if person.name == name]
    return person


def words_of(talk: Talk, person: Person) -> list[str]:
    with talk.database.reading() as session:
        found = select(Message).join(Conversation).where(Conversation.person_id == person.id)
        return [message.words for message in session.scalars(found.order_by(Message.id))]


def opens_the_chat(web: Web, talk: Talk, person: Person) -> str:
    with talk.database.writing() as session:
        link = invite(
            session, session.get_one(Person, person.id), talk.line.rules, now=talk.clock()
        )
    path = link.removeprefix(talk.line.rules.site)
    web.client.post(path)
    return unescape(web.gets("/chat").text)


# --- a known number with another name ---


def test_nia_with_cys_old_number_gets_an_empty_thread_and_never_sees_his_words(
    talk: Talk, web: Web
) -> None:
    talk.sets(MAYA, name="Cy")
    talk.texts(MAYA, SECRET)
    cy = talk.person(MAYA)
    shown = previews(web, f"{HEADER}mentee,Nia,{MAYA},,Noor\n".encode())
    assert "this number is Cy's; is Nia the same person?" in preview_lines(shown)[2]
    web.posts("/people/import", **hidden(shown))
    assert talk.person(MAYA).name == "Cy", "without an answer the line is skipped"
    answer = web.posts("/people/import", **hidden(shown), who="2=new")
    assert answer.headers["Location"] == "/people?done=imported&added=1&changed=0"

    nia, cy_now = talk.person(MAYA), named(talk, "Cy")
    assert (nia.name, cy_now.id) == ("Nia", cy.id)
    assert (cy_now.phone, cy_now.left_at) == (None, talk.clock())
    assert SECRET in words_of(talk, cy_now)
    talk.texts(MAYA, "hi")
    assert "hi" in words_of(talk, nia)
    assert SECRET not in "".join(words_of(talk, nia))
    assert "garage" not in opens_the_chat(web, talk, nia)
    assert "no number any more" in unescape(web.posts(f"/people/{cy.id}/back").text)


def test_a_renamed_mentee_keeps_the_thread_when_ruth_says_so(talk: Talk) -> None:
    talk.texts(MAYA, SECRET)
    maya = talk.person(MAYA).id
    file = f"{HEADER}mentee,Mai,{MAYA},,\n"
    assert [list(one.answers) for one in imports(talk, file).questions] == [
        [Answer.SAME, Answer.NEW, Answer.SHARES]
    ]
    assert talk.person(MAYA).name == "Maya"
    imports(talk, file, line2=Answer.SAME)
    assert (talk.person(MAYA).name, talk.person(MAYA).id) == ("Mai", maya)
    for same in ("MAI", "Ma\u00ef", "Mai\u200b"):
        assert not imports(talk, f"{HEADER}mentee,{same},{MAYA},,\n").questions, same


def test_whoever_left_is_not_brought_back_under_another_name(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, SECRET)
    maya = talk.person(MAYA).id
    web.posts(f"/people/{maya}/leave")
    file = f"{HEADER}mentee,Nia,{MAYA},,\n"
    assert [list(one.answers) for one in imports(talk, file).questions] == [
        [Answer.SAME, Answer.NEW]
    ]
    imports(talk, file, line2=Answer.NEW)
    assert talk.person(MAYA).id != maya


def test_a_number_is_not_given_away_while_its_owner_waits_for_a_person(talk: Talk) -> None:
    talk.texts(MAYA, "PERSON")
    file = f"{HEADER}mentee,Nia,{MAYA},,\n"
    [question] = imports(talk, file, line2=Answer.NEW).questions
    assert Answer.NEW not in question.answers
    assert "first close Maya's handoff" in question.hint
    assert talk.person(MAYA).name == "Maya"
    [question] = imports(talk, f"{HEADER}mentor,Alex,{SAM},,\n", line2=Answer.NEW).questions
    assert list(question.answers) == [Answer.SAME]
    assert "first mark Sam as left" in question.hint


def test_the_form_for_one_person_asks_too(talk: Talk, web: Web) -> None:
    form = {"role": "mentee", "name": "Nia", "phone": MAYA, "timezone": ""}
    asked = web.posts("/people", **form)
    assert asked.status_code == 422
    assert "This number is Maya's; is Nia the same person?" in unescape(asked.text)
    assert 'name="who" value="new"' in asked.text
    assert web.posts("/people", **form, who="new").status_code == 303
    assert talk.person(MAYA).name == "Nia"


def test_what_cy_wrote_from_a_replaced_number_is_not_nias_either(talk: Talk, web: Web) -> None:
    cy = talk.person(MAYA)
    form = {"role": "mentee", "name": cy.name, "timezone": cy.timezone}
    assert web.posts(f"/people/{cy.id}", **form, phone=NEW).status_code == 303
    talk.texts(MAYA, SECRET)
    imports(talk, f"{HEADER}mentee,Nia,{MAYA},,\n")
    assert talk.person(MAYA).name == "Nia"
    talk.texts(MAYA, "hi")
    assert "hi" in words_of(talk, talk.person(MAYA))
    assert SECRET not in "".join(words_of(talk, talk.person(MAYA)))


# --- a known name with another number ---


def test_a_mentors_new_number_is_a_change_and_not_a_second_mentor(talk: Talk, web: Web) -> None:
    sam = talk.person(SAM).id
    file = f"{HEADER}mentor,Sam,{NEW},,\nmentee,Maya,{MAYA},,Sam\n"
    shown = previews(web, file.encode())
    assert "a mentor named Sam has another number" in preview_lines(shown)[2]
    talk.new_texts()
    assert web.posts("/people/import", **hidden(shown), who="2=same").status_code == 303
    assert talk.person(NEW).id == sam
    assert [one.name for one in talk.rows(Person)].count("Sam") == 1
    assert [who for who, _ in talk.phones.shown if who == SAM], "the old number reads about it"
    matched = [one.mentor_id for one in talk.rows(Match) if one.mentee_id == talk.person(MAYA).id]
    assert matched[0] == sam


def test_another_sam_can_be_enrolled_and_a_full_file_asks_nothing(talk: Talk) -> None:
    imports(talk, f"{HEADER}mentor,Sam,{NEW},,\n", line2=Answer.NEW)
    assert [one.name for one in talk.rows(Person)].count("Sam") == 2
    both = f"{HEADER}mentor,Sam,{NEW},,\nmentor,Sam,{SAM},,\n"
    assert not imports(talk, both).questions
    assert not imports(talk, f"{HEADER}mentee,Noor,+12025550139,,\n").questions


# --- one phone, two siblings ---


@pytest.mark.parametrize("who", ["enrolled before", "in one file"])
def test_siblings_share_a_phone_and_each_has_a_thread(talk: Talk, web: Web, who: str) -> None:
    ana, ben = f"mentee,Ana,{NEW},,Sam\n", f"mentee,Ben,{NEW},,Noor\n"
    if who == "in one file":
        [question] = imports(talk, HEADER + ana + ben).questions
        assert "Ana on line 2 has this number; do they share the phone?" in str(question.words)
        imports(talk, HEADER + ana + ben, line3=Answer.SHARES)
    else:
        imports(talk, HEADER + ana)
        imports(talk, HEADER + ben, line2=Answer.SHARES)
    talk.texts(NEW, SECRET)
    ana_now, ben_now = talk.person(NEW), named(talk, "Ben")
    assert (ana_now.name, ben_now.phone) == ("Ana", None)
    assert ben_now.shares_phone_with_id == ana_now.id
    assert SECRET in words_of(talk, ana_now)
    assert "garage" not in opens_the_chat(web, talk, ben_now)
    again = imports(talk, HEADER + ana + ben)
    assert not again.questions
    assert not again.to_do
    web.is_now(RUTH)
    page = unescape(web.gets(f"/people/{ben_now.id}").text)
    assert "they use another mentee's phone; write in the web chat" in page
    form = {"role": "mentee", "name": "Benny", "phone": NEW, "timezone": "America/New_York"}
    assert web.posts(f"/people/{ben_now.id}", **form).status_code == 303
    assert web.posts(f"/people/{ben_now.id}", **form | {"name": "Ben"}).status_code == 303
    talk.texts(NEW, "i want to kill myself")
    [handoff] = talk.rows(Handoff)
    web.posts(f"/console/{handoff.id}/claim")
    console = unescape(web.gets(f"/console/{handoff.id}").text)
    assert "Who is writing: Ben uses this phone, too. Ask for a name." in console
    matches = {one.mentor_id for one in talk.rows(Match) if one.mentee_id == ben_now.id}
    assert matches == {talk.person(NOOR).id}


def test_the_lines_of_siblings_can_come_in_any_order(talk: Talk) -> None:
    ana, ben = f"mentee,Ana,{NEW},,\n", f"mentee,Ben,{NEW},,\n"
    imports(talk, HEADER + ana)
    imports(talk, HEADER + ben, line2=Answer.SHARES)
    again = imports(talk, HEADER + ben + ana)
    assert (again.questions, again.to_do) == ((), [])
    zoe = imports(talk, HEADER + ben + f"mentee,Zoe,{NEW},,\n", line3=Answer.SHARES)
    assert [step.row.name for step in zoe.to_do] == ["Zoe"]
    assert named(talk, "Zoe").shares_phone_with_id == talk.person(NEW).id


def test_a_sibling_who_gets_a_phone_is_not_enrolled_twice(talk: Talk) -> None:
    ana, ben, own = f"mentee,Ana,{NEW},,\n", f"mentee,Ben,{NEW},,\n", "+12025550131"
    imports(talk, HEADER + ana)
    imports(talk, HEADER + ben, line2=Answer.SHARES)
    before = named(talk, "Ben").id
    file = HEADER + ana + ben.replace(NEW, own)
    [question] = imports(talk, file).questions
    assert list(question.answers) == [Answer.SAME, Answer.NEW]
    moved = imports(talk, file, line3=Answer.SAME)
    assert [step.changes for step in moved.to_do] == [("used another mentee's phone",)]
    ben_now = talk.person(own)
    assert (ben_now.id, ben_now.shares_phone_with_id) == (before, None)
    assert not imports(talk, file).to_do


# --- by command and by API ---


def test_the_command_shows_each_answer_that_is_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'cli.db'}")
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    file = tmp_path / "people.csv"

    def enrolls(line: str, *flags: str) -> Result:
        file.write_text(f"{HEADER}{line}\n", "utf-8")
        return warmline("enroll", str(file), "--program", "Harbor", *flags)

    enrolls(f"mentee,Cy,{MAYA},,")
    asked = enrolls(f"mentee,Nia,{MAYA},,")
    assert (asked.exit_code, "0 enrolled" in asked.stdout) == (1, True)
    assert asked.stderr.splitlines()[:4] == [
        "line 2 (Nia): this number is Cy's; is Nia the same person?",
        "  --same 2: same person; Cy is now Nia",
        "  --new 2: new person; Cy leaves, and Cy's messages stay with Cy",
        "  --shares 2: they share the phone; texts go to Cy, and Nia uses the web chat",
    ]
    shared = enrolls(f"mentee,Nia,{MAYA},,", "--shares", "2")
    assert "add mentee Nia +12025550101" in shared.stdout
    assert shared.exit_code == 0
    assert "/chat/in/" in warmline("invite", MAYA, "--name", "Nia").stdout
    assert "/chat/in/" in warmline("invite", "person:2").stdout
    assert warmline("invite", MAYA, "--name", "Zed").exit_code == 2
    for flags in (["--preview"], []):
        replaced = enrolls(f"mentee,Bo,{MAYA},,", "--new", "2", *flags)
        assert replaced.exit_code == 0
        assert "add mentee Bo +12025550101, America/New_York; Cy leaves" in replaced.stdout
    assert "1 enrolled" in replaced.stdout
