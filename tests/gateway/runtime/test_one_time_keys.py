"""Links and codes that sign one person in once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.runtime.one_time_keys import (
    KEPT_FOR,
    MOST_WRONG_CODES,
    KeyRefused,
    Purpose,
    new_code,
    new_link,
    use_code,
    use_link,
)
from gateway.runtime.one_time_keys import _hash_code as hash_of_code
from models import OneTimeKey, Person, use_key
from tests.line import MAYA, SAM, Talk

LASTS = timedelta(minutes=10)


def link_for(talk: Talk, number: str, purpose: Purpose = "chat") -> str:
    with talk.database.writing() as session:
        return new_link(session, talk.person(number), purpose, now=talk.clock(), lasts=LASTS)


def code_for(talk: Talk, number: str) -> str:
    with talk.database.writing() as session:
        return new_code(session, talk.person(number), "chat", now=talk.clock(), lasts=LASTS)


def opens(talk: Talk, token: str, purpose: Purpose = "chat") -> str:
    """The name of the person whom the link signs in, or why it is refused."""
    try:
        with talk.database.writing() as session:
            return use_link(session, token, purpose, now=talk.clock()).name
    except KeyRefused as refused:
        return str(refused)


def types(talk: Talk, person: Person, code: str) -> str:
    try:
        with talk.database.writing() as session:
            return use_code(session, person, code, "chat", now=talk.clock()).name
    except KeyRefused as refused:
        return str(refused)


def another(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_a_link_signs_its_person_in_once_for_its_purpose(talk: Talk) -> None:
    token = link_for(talk, SAM, "chat")
    assert len(token) == 43
    assert "not right" in opens(talk, token, "sign_in")
    assert opens(talk, token) == "Sam"
    assert "used already" in opens(talk, token)


def test_links_and_codes_expire(talk: Talk) -> None:
    token, code = link_for(talk, MAYA), code_for(talk, MAYA)
    talk.clock.now += LASTS
    assert "has expired" in opens(talk, token)
    assert "has expired" in types(talk, talk.person(MAYA), code)


def test_two_links_of_one_person_both_work(talk: Talk) -> None:
    tokens = [link_for(talk, MAYA), link_for(talk, MAYA)]
    assert [opens(talk, token) for token in tokens] == ["Maya", "Maya"]


def test_a_person_who_left_cannot_use_link_or_code(talk: Talk) -> None:
    token, code = link_for(talk, SAM), code_for(talk, SAM)
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(SAM).id).left_at = talk.clock()
    assert "not right" in opens(talk, token)
    assert "not right" in types(talk, talk.person(SAM), code)


def test_a_code_has_six_digits_and_signs_its_person_in_once(talk: Talk) -> None:
    maya, code = talk.person(MAYA), code_for(talk, MAYA)
    assert (len(code), code.isdecimal()) == (6, True)
    code_for(talk, SAM)
    assert "not right" in types(talk, talk.person(SAM), code)
    assert types(talk, maya, f" {code[:3]} {code[3:]} ") == "Maya"
    assert "used already" in types(talk, maya, code)


def test_five_wrong_attempts_invalidate_the_code(talk: Talk) -> None:
    maya, code = talk.person(MAYA), code_for(talk, MAYA)
    for _ in range(MOST_WRONG_CODES):
        assert "not right" in types(talk, maya, another(code))
    assert "Too many wrong codes" in types(talk, maya, code)
    code = code_for(talk, MAYA)
    for _ in range(MOST_WRONG_CODES - 1):
        assert "not right" in types(talk, maya, another(code))
    assert types(talk, maya, code) == "Maya", "the fifth attempt may succeed"


def test_a_new_code_replaces_the_previous_one(talk: Talk) -> None:
    maya, first, second = talk.person(MAYA), code_for(talk, MAYA), code_for(talk, MAYA)
    if first != second:
        assert "Type the newest one" in types(talk, maya, first)
    assert types(talk, maya, second) == "Maya"


def test_nonsense_is_refused_with_a_reason(talk: Talk) -> None:
    maya = talk.person(MAYA)
    assert "not right" in types(talk, maya, "123456"), "no code was sent"
    nonsense = ["", "x", "\x00", "\ud800", "code:", "12345", "1234567", "é" * 5000]
    for words in nonsense:
        code_for(talk, MAYA)
        said = {opens(talk, words), types(talk, maya, words)}
        assert all("not right" in one for one in said), repr(words[:10])


@pytest.mark.parametrize("key", ["link", "code"])
def test_of_eight_simultaneous_uses_one_succeeds(talk: Talk, key: str) -> None:
    maya, token, code = talk.person(MAYA), link_for(talk, MAYA), code_for(talk, MAYA)
    with ThreadPoolExecutor(8) as threads:
        said = threads.map(
            lambda _: opens(talk, token) if key == "link" else types(talk, maya, code), range(8)
        )
        assert list(said).count("Maya") == 1


def test_eight_simultaneous_wrong_codes_use_up_the_attempts(talk: Talk) -> None:
    maya, code = talk.person(MAYA), code_for(talk, MAYA)
    with ThreadPoolExecutor(8) as threads:
        assert "Maya" not in threads.map(lambda _: types(talk, maya, another(code)), range(8))
    with talk.database.reading() as session:
        assert session.scalar(select(OneTimeKey.tries)) == MOST_WRONG_CODES


def test_the_table_reveals_no_link_or_code(talk: Talk) -> None:
    token, code = link_for(talk, MAYA), code_for(talk, MAYA)
    for _ in range(30):
        code_for(talk, MAYA)
    with talk.database.reading() as session:
        stored = session.scalars(select(OneTimeKey.key_hash)).all()
        assert session.scalar(select(func.count(OneTimeKey.key_hash.distinct()))) == 32
    assert not any(token in one or code in one for one in stored)
    assert {len(one) for one in stored} == {64}


def test_without_our_key_a_code_cannot_be_guessed_from_the_table(
    talk: Talk, tmp_path: Path
) -> None:
    maya, code = talk.person(MAYA), code_for(talk, MAYA)
    with talk.database.reading() as session:
        stored = session.scalar(select(OneTimeKey.key_hash)) or ""
    salt = stored.removeprefix("code:")[:16]
    assert hash_of_code(maya, code, salt) == stored
    use_key("YW5vdGhlci1rZXktZm9yLXRoaXMtdGVzdC0zMi1ieSE=", tmp_path)
    assert hash_of_code(maya, code, salt) != stored


def test_old_keys_are_deleted(talk: Talk) -> None:
    link_for(talk, MAYA)
    talk.clock.now += LASTS + KEPT_FOR
    link_for(talk, SAM)
    with talk.database.reading() as session:
        assert [key.person.name for key in session.scalars(select(OneTimeKey))] == ["Sam"]
