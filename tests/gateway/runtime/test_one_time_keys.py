"""Links and codes that sign one person in once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

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
    person = talk.person(number)
    with talk.database.writing() as session:
        return new_link(session, person, purpose, now=talk.clock(), lasts=LASTS)


def code_for(talk: Talk, number: str, purpose: Purpose = "chat") -> str:
    person = talk.person(number)
    with talk.database.writing() as session:
        return new_code(session, person, purpose, now=talk.clock(), lasts=LASTS)


def opens(talk: Talk, token: str, purpose: Purpose = "chat") -> Person:
    with talk.database.writing() as session:
        return use_link(session, token, purpose, now=talk.clock())


def types(talk: Talk, number: str, code: str, purpose: Purpose = "chat") -> Person:
    person = talk.person(number)
    with talk.database.writing() as session:
        return use_code(session, person, code, purpose, now=talk.clock())


def another(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_a_link_signs_its_person_in_once(talk: Talk) -> None:
    token = link_for(talk, MAYA)
    assert len(token) == 43
    assert opens(talk, token).name == "Maya"
    with pytest.raises(KeyRefused, match="used already"):
        opens(talk, token)


def test_a_link_expires(talk: Talk) -> None:
    token = link_for(talk, MAYA)
    talk.clock.now += LASTS
    with pytest.raises(KeyRefused, match="has expired"):
        opens(talk, token)


def test_a_link_works_for_its_purpose_only(talk: Talk) -> None:
    token = link_for(talk, SAM, "chat")
    with pytest.raises(KeyRefused, match="not right"):
        opens(talk, token, "sign_in")
    assert opens(talk, token, "chat").name == "Sam"


@pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "code:", "é" * 5000])
def test_an_invalid_link_is_refused_with_a_reason(talk: Talk, token: str) -> None:
    code_for(talk, MAYA)
    with pytest.raises(KeyRefused, match="not right"):
        opens(talk, token)


def test_two_links_of_one_person_both_work(talk: Talk) -> None:
    first, second = link_for(talk, MAYA), link_for(talk, MAYA)
    assert {opens(talk, token).name for token in (first, second)} == {"Maya"}


def test_a_person_who_left_cannot_use_link_or_code(talk: Talk) -> None:
    token, code = link_for(talk, SAM), code_for(talk, SAM)
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(SAM).id).left_at = talk.clock()
    with pytest.raises(KeyRefused):
        opens(talk, token)
    with pytest.raises(KeyRefused):
        types(talk, SAM, code)


def test_a_code_has_six_digits_and_signs_in_once(talk: Talk) -> None:
    code = code_for(talk, MAYA)
    assert len(code) == 6
    assert code.isdecimal()
    assert types(talk, MAYA, f" {code[:3]} {code[3:]} ").name == "Maya"
    with pytest.raises(KeyRefused, match="used already"):
        types(talk, MAYA, code)


def test_a_code_expires(talk: Talk) -> None:
    code = code_for(talk, MAYA)
    talk.clock.now += LASTS
    with pytest.raises(KeyRefused, match="has expired"):
        types(talk, MAYA, code)


def test_a_code_works_for_its_person_only(talk: Talk) -> None:
    code = code_for(talk, MAYA)
    code_for(talk, SAM)
    with pytest.raises(KeyRefused, match="not right"):
        types(talk, SAM, code)
    with pytest.raises(KeyRefused, match="not right"):
        types(talk, MAYA, code, "sign_in")


def test_five_wrong_attempts_invalidate_the_code(talk: Talk) -> None:
    code = code_for(talk, MAYA)
    for _ in range(MOST_WRONG_CODES):
        with pytest.raises(KeyRefused, match="not right"):
            types(talk, MAYA, another(code))
    with pytest.raises(KeyRefused, match="Too many wrong codes"):
        types(talk, MAYA, code)
    assert types(talk, MAYA, code_for(talk, MAYA)).name == "Maya"


def test_the_fifth_attempt_may_still_succeed(talk: Talk) -> None:
    code = code_for(talk, MAYA)
    for _ in range(MOST_WRONG_CODES - 1):
        with pytest.raises(KeyRefused, match="not right"):
            types(talk, MAYA, another(code))
    assert types(talk, MAYA, code).name == "Maya"


def test_a_new_code_replaces_the_previous_one(talk: Talk) -> None:
    first, second = code_for(talk, MAYA), code_for(talk, MAYA)
    if first != second:
        with pytest.raises(KeyRefused, match="Type the newest one"):
            types(talk, MAYA, first)
    assert types(talk, MAYA, second).name == "Maya"


@pytest.mark.parametrize("code", ["", "\x00", "\ud800", "12345", "1234567", "x" * 5000])
def test_an_invalid_code_is_refused_with_a_reason(talk: Talk, code: str) -> None:
    code_for(talk, MAYA)
    with pytest.raises(KeyRefused, match="not right"):
        types(talk, MAYA, code)


def test_without_a_code_sent_no_code_works(talk: Talk) -> None:
    with pytest.raises(KeyRefused, match="not right"):
        types(talk, MAYA, "123456")


def at_once(talk: Talk, use: str, key: str) -> list[bool]:
    def one(_: int) -> bool:
        try:
            opens(talk, key) if use == "link" else types(talk, MAYA, key)
        except KeyRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(one, range(8)))


def test_of_eight_simultaneous_link_uses_one_succeeds(talk: Talk) -> None:
    assert sum(at_once(talk, "link", link_for(talk, MAYA))) == 1


def test_of_eight_simultaneous_code_uses_one_succeeds(talk: Talk) -> None:
    assert sum(at_once(talk, "code", code_for(talk, MAYA))) == 1


def test_eight_simultaneous_wrong_codes_use_up_the_attempts(talk: Talk) -> None:
    code = code_for(talk, MAYA)
    assert not any(at_once(talk, "code", another(code)))
    with talk.database.reading() as session:
        assert session.scalar(select(OneTimeKey.tries)) == MOST_WRONG_CODES


def test_the_table_reveals_no_link_or_code(talk: Talk) -> None:
    token, code = link_for(talk, MAYA), code_for(talk, MAYA)
    with talk.database.reading() as session:
        kept = session.scalars(select(OneTimeKey.key_hash)).all()
    assert not any(token in one or code in one for one in kept)
    assert {len(one) for one in kept} == {64}


def test_without_the_key_codes_cannot_be_guessed_from_the_table(talk: Talk) -> None:
    maya, code = talk.person(MAYA), code_for(talk, MAYA)
    with talk.database.reading() as session:
        kept = session.scalars(select(OneTimeKey.key_hash)).one()
    salt = kept.removeprefix("code:")[:16]
    assert hash_of_code(maya, code, salt) == kept
    use_key("YW5vdGhlci1rZXktZm9yLXRoaXMtdGVzdC0zMi1ieSE=")
    assert hash_of_code(maya, code, salt) != kept


def test_two_people_or_two_times_never_share_a_hash(talk: Talk) -> None:
    for _ in range(30):
        code_for(talk, MAYA)
    with talk.database.reading() as session:
        assert session.scalar(select(func.count(OneTimeKey.key_hash.distinct()))) == 30


def test_old_keys_are_deleted(talk: Talk) -> None:
    link_for(talk, MAYA)
    talk.clock.now += LASTS + KEPT_FOR
    link_for(talk, SAM)
    with talk.database.reading() as session:
        assert [key.person.name for key in session.scalars(select(OneTimeKey))] == ["Sam"]
