"""What a password may be, how it is typed, and how long it is good for."""

import re

import pytest

from gateway.accounts.passwords import check_password
from models import Person
from tests.commands import warmline
from tests.line import RUTH, SAM, Talk
from tests.web_client import Web, begins_session, give_password


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


def opens(talk: Talk, password: str) -> bool:
    with talk.database.reading() as session:
        return check_password(session.get_one(Person, talk.person(SAM).id), password)


def test_any_characters_and_any_length_up_to_200_make_a_password(talk: Talk) -> None:
    for password in (
        "purple kettle northern violin",
        "vierzig Zwölfender jagen Käfer",
        "крыша велосипед чернила гром",
        "seven tall 🌲 and one small 🪨",
        "tqjvzkwbxmrfhgpl",
        "4829175038261947302",
        "a long walk by the river, " * 7,
    ):
        give_password(talk, SAM, password)
        assert opens(talk, password), password


def test_a_password_is_compared_exactly_as_it_was_typed(talk: Talk) -> None:
    give_password(talk, SAM, " Purple kettle Northern violin ")
    assert opens(talk, " Purple kettle Northern violin ")
    for other in (
        "Purple kettle Northern violin",
        " purple kettle northern violin ",
        " Purple kettle Northern violin",
        " Purple kettle Northern violin " + "x" * 300,
    ):
        assert not opens(talk, other), other


def test_a_password_stays_good_for_years(talk: Talk, web: Web) -> None:
    give_password(talk, SAM, "purple kettle northern violin")
    talk.passes(days=3 * 365)
    assert web.signs_in(SAM, "purple kettle northern violin").status_code == 303


def test_password_fields_hide_what_is_typed_and_let_managers_of_passwords_fill_them(
    talk: Talk, web: Web
) -> None:
    pages = [web.gets("/sign-in").text]
    give_password(talk, SAM, "purple kettle northern violin")
    web.signs_in(SAM, "purple kettle northern violin")
    pages.append(web.gets("/account").text)
    fields = [tag for page in pages for tag in re.findall(r"<input[^>]*password[^>]*>", page)]
    typed = [tag for tag in fields if 'type="checkbox"' not in tag]
    assert len(typed) == 4
    for tag in typed:
        assert 'type="password"' in tag
        assert re.search(r'autocomplete="(current|new)-password"', tag), tag
        assert "onpaste" not in tag


def test_an_operator_signs_one_person_or_everybody_out(local: Talk) -> None:
    def begin(number: str) -> Web:
        web = Web(local)
        with local.database.writing() as session:
            person = session.get_one(Person, local.person(number).id)
            token = begins_session(session, person, now=local.clock())
        web.client.cookies.set("__Host-warmline", token)
        assert web.gets("/account").status_code == 200
        return web

    sam, ruth = begin(SAM), begin(RUTH)
    assert "Sam was signed out of every browser.\n" in warmline("sign-out", SAM).stdout
    assert sam.gets("/account").status_code == 303
    assert ruth.gets("/account").status_code == 200
    assert warmline("sign-out", "--everybody").exit_code == 0
    assert ruth.gets("/account").status_code == 303
    assert warmline("sign-out").exit_code != 0
