"""Who may change how somebody signs in: a fresh proof, a second factor, and texts about it."""

import re
from datetime import timedelta
from html import unescape

import httpx2
import pytest

from models import (
    ApiToken,
    Conversation,
    KnownDevice,
    Message,
    OneTimeKey,
    Person,
    Program,
    Role,
    WebSession,
)
from tests.authenticator import Device
from tests.gateway.accounts.test_passkeys import adds_passkey, signs_in_by
from tests.gateway.accounts.test_sign_in import (
    FIREFOX,
    asks_for_link,
    at_another_browser,
    changes,
    says,
)
from tests.line import MAYA, NOOR, RUTH, SAM, STRANGER, Talk
from tests.web_client import PASSWORD, Web, give_password

NEW = "+12025550130"
ANA = {"role": "manager", "name": "Ana", "phone": NEW, "timezone": ""}
ROSTER = f"role,name,phone\nmentee,Ida,+12025550177\nmentor,Ana,{NEW}\n"


@pytest.fixture
def web(talk: Talk) -> Web:
    """Ruth signed in a while ago."""
    web = Web(talk)
    give_password(talk, RUTH)
    web.is_now(RUTH)
    talk.clock.now += timedelta(minutes=11)
    return web


def details(talk: Talk, number: str, **other: str) -> dict[str, str]:
    person = talk.person(number)
    given = {"role": person.role.value, "name": person.name, "phone": number}
    return {**given, "timezone": person.timezone, **other}


def at(talk: Talk, number: str) -> str:
    return f"/people/{talk.person(number).id}"


def people(talk: Talk) -> list[tuple[str, Role, str | None]]:
    return [(one.name, one.role, one.phone) for one in talk.rows(Person)]


def hidden_fields(page: str) -> dict[str, str]:
    """The fields that the first form of a page carries."""
    form = re.search(r"<form class=\"card.*?</form>", page, re.DOTALL)
    assert form
    found = re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', form[0], re.DOTALL)
    return {name: unescape(value) for name, value in found}


def confirms(web: Web, asked: httpx2.Response, **proof: str) -> httpx2.Response:
    """Fill in the page that asks for a proof, and follow where it leads, as a browser does."""
    assert says(asked, 403, "Confirm it")
    form = hidden_fields(asked.text)
    answer = web.posts("/sign-in/confirm", **form, **proof)
    if answer.status_code == 307:
        return web.posts(answer.headers["Location"], **form, **proof)
    return answer


def texts_to(talk: Talk, number: str) -> list[str]:
    return [text.removeprefix("Warmline bot: ") for text in talk.read_by(number)]


def code_for(talk: Talk, number: str) -> str:
    """The code in the newest text."""
    code: str = re.findall(r"\b\d{6}\b", texts_to(talk, number)[-1])[0]
    return code


# --- a fresh proof ---


def preview(web: Web) -> dict[str, str]:
    shown = web.client.post("/people/import/preview", files={"file": ("p.csv", ROSTER)}).text
    return dict(re.findall(r'name="(content|seen)" value="(.*?)"', shown))


def test_a_new_token_or_webhook_asks_for_a_fresh_proof(talk: Talk, web: Web) -> None:
    """Both let data out to anyone with the secret."""
    token = {"name": "The office's board", "scope": "handoffs:read"}
    asked = web.posts("/program/integrations/tokens", **token)
    assert says(asked, 403, "Confirm it")
    assert says(
        web.posts("/program/integrations/webhooks", url="https://a.example"), 403, "Confirm"
    )
    assert talk.rows(ApiToken) == []
    assert confirms(web, asked, confirm_password=PASSWORD).status_code == 201
    assert [one.name for one in talk.rows(ApiToken)] == ["The office's board"]


def test_every_new_way_to_sign_in_asks_for_a_fresh_proof(talk: Talk, web: Web) -> None:
    talk.sets(NOOR, left_at=talk.clock())
    before = people(talk)
    asked = [
        web.posts("/people", **ANA),
        web.posts("/people", **{**ANA, "role": "mentor"}),
        web.posts(at(talk, SAM), **details(talk, SAM, role="manager")),
        web.posts(at(talk, SAM), **details(talk, SAM, phone=NEW)),
        web.posts(at(talk, RUTH), **details(talk, RUTH, phone=NEW)),
        web.posts(at(talk, MAYA), **details(talk, MAYA, phone=NEW)),
        web.posts(at(talk, NOOR) + "/back"),
        web.posts("/people/import", **preview(web)),
    ]
    assert [answer.status_code for answer in asked] == [403] * len(asked)
    assert people(talk) == before
    assert talk.person(NOOR).left_at is not None
    assert talk.phones.shown == []
    # A name, a time zone, or a mentee is no way to sign in.
    assert web.posts(at(talk, SAM), **details(talk, SAM, name="Sami")).status_code == 303
    assert web.posts("/people", **{**ANA, "role": "mentee"}).status_code == 303


def test_the_form_goes_on_after_the_proof_with_what_was_typed(talk: Talk, web: Web) -> None:
    asked = web.posts("/people", **{**ANA, "name": 'Ana "A" <b>'})
    wrong = web.posts("/sign-in/confirm", **hidden_fields(asked.text), confirm_password="no")
    assert says(wrong, 401, "That was not right")
    assert hidden_fields(wrong.text) == hidden_fields(asked.text)
    answer = confirms(web, web.posts("/people", **ANA), confirm_password=PASSWORD)
    assert answer.status_code == 303
    assert (talk.person(NEW).name, talk.person(NEW).role) == ("Ana", Role.MANAGER)
    # And for some minutes, nothing else asks.
    assert web.posts(at(talk, SAM), **details(talk, SAM, role="manager")).status_code == 303


def test_an_import_goes_on_after_the_proof(talk: Talk, web: Web) -> None:
    answer = confirms(web, web.posts("/people/import", **preview(web)), confirm_password=PASSWORD)
    assert (answer.status_code, "added=2" in answer.headers["Location"]) == (303, True)


def test_ruth_proves_who_she_is_by_a_code_or_a_passkey(talk: Talk, web: Web) -> None:
    asked = web.posts("/people", **ANA)
    sent = web.posts("/sign-in/confirm/code", **hidden_fields(asked.text))
    assert says(sent, 200, "We are texting you a code")
    code = code_for(talk, RUTH)
    kept = [one.words for one in talk.rows(Message) if one.script == "confirm_code"]
    assert kept == ["(A code was texted.)"]
    form = hidden_fields(sent.text)
    assert web.posts("/sign-in/confirm", **form, confirm_code="000 000").status_code == 401
    assert web.posts("/sign-in/confirm", **form, confirm_code=code).status_code == 307
    assert web.posts("/sign-in/confirm", **form, confirm_code=code).status_code == 401, "once"
    device = Device()
    adds_passkey(web, RUTH, device)
    talk.clock.now += timedelta(minutes=11)
    asked = web.posts("/people", **ANA)
    options = web.clicks("/sign-in/passkey/options").json()
    assert confirms(web, asked, answer=device.signs(options)).status_code == 303
    # Sam's device proves who Sam is.
    sams = Device()
    adds_passkey(web, SAM, sams)
    web.is_now(RUTH)
    talk.clock.now += timedelta(minutes=11)
    options = web.clicks("/sign-in/passkey/options").json()
    form = {"confirm_next": "/people", "answer": sams.signs(options)}
    assert web.posts("/sign-in/confirm", **form).status_code == 401


def test_a_proof_cannot_be_guessed(talk: Talk, web: Web) -> None:
    answers = [web.posts("/sign-in/confirm", confirm_password=f"guess {n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    web.forgets_attempts()
    web.posts("/sign-in/confirm/code")
    code = code_for(talk, RUTH)
    for n in range(5):
        web.forgets_attempts()
        web.posts("/sign-in/confirm", confirm_code=f"{(int(code) + n + 1) % 1_000_000:06d}")
    web.forgets_attempts()
    assert says(web.posts("/sign-in/confirm", confirm_code=code), 401, "Too many wrong codes")


def test_the_page_leads_nowhere_else(web: Web) -> None:
    for path in ("https://evil.example/", "//evil.example", "/\\evil.example", ""):
        form = {"confirm_next": path, "confirm_resend": "1", "confirm_password": PASSWORD}
        assert web.posts("/sign-in/confirm", **form).headers["Location"] == "/console", path
    assert web.gets("/sign-in/confirm?next=//evil.example").text.count("evil") == 0


def test_the_session_gets_a_new_token_with_the_proof(talk: Talk, web: Web) -> None:
    stolen = web.browser()
    stolen.cookies.update(web.client.cookies)
    web.posts("/sign-in/confirm", confirm_password=PASSWORD)
    assert stolen.get("/people").status_code == 303
    assert web.gets("/people").status_code == 200


def test_passkeys_and_a_first_password_need_a_fresh_proof(talk: Talk, web: Web) -> None:
    device = Device()
    adds_passkey(web, SAM, device)
    [remove] = re.findall(r'action="(/account/passkeys/\d+/remove)"', web.gets("/account").text)
    talk.clock.now += timedelta(minutes=11)
    assert web.clicks("/account/passkeys/options").status_code == 403
    assert changes(web, "", "maple tuba seventeen").status_code == 403
    assert says(web.posts(remove), 403, "Confirm it")
    page = web.gets("/account").text
    assert "s you to add a passkey" in page
    assert "s you to set a password" in page
    assert talk.person(SAM).password_hash is None


def presses(web: Web, page: str, action: str) -> httpx2.Response:
    """Press the button of a form, in a browser that runs our script."""
    [form] = re.findall(rf'<form [^>]*action="{action}"[^>]*>', page)
    return web.clicks(action) if "hx-post" in form else web.posts(action)


def test_a_browser_is_signed_out_after_the_proof_that_it_needs(talk: Talk, web: Web) -> None:
    others = [at_another_browser(web, RUTH) for _ in range(2)]
    page = web.gets("/account").text
    end = re.findall(r'action="(/account/sessions/\d+/end)"', page)[0]
    for action, left in ((end, [200, 303]), ("/account/sessions/end-others", [303, 303])):
        asked = presses(web, page, action)
        assert "We keep what you typed" not in asked.text, "nothing was typed"
        assert confirms(web, asked, confirm_password=PASSWORD).status_code == 303
        assert [other.get("/account").status_code for other in others] == left
        talk.clock.now += timedelta(minutes=11)


# --- texts about it ---


def test_the_managers_and_the_old_number_hear_of_a_new_number(talk: Talk, web: Web) -> None:
    talk.enrolls("Kim", "+12025550178", role=Role.MANAGER)
    web.is_now(RUTH)
    web.posts(at(talk, SAM), **details(talk, SAM, phone=NEW))
    link = f"https://warmline.example{at(talk, NEW)}"
    for manager in (RUTH, "+12025550178"):
        [text] = texts_to(talk, manager)
        assert text.startswith("How Sam signs in is new or has changed;")
        assert text.endswith(f"look now: {link}")
    [text] = texts_to(talk, SAM)
    assert text.startswith("This number no longer signs you in to Warmline;")
    assert texts_to(talk, NEW) == []


def test_a_mentees_old_number_hears_of_it_and_her_sessions_end(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    maya = Web(talk)
    maya.posts(f"/chat/as/{talk.person(MAYA).id}")
    assert maya.gets("/chat/you").status_code == 200
    web.posts(at(talk, MAYA), **details(talk, MAYA, phone=NEW))
    assert "no longer signs you in" in texts_to(talk, MAYA)[0]
    assert texts_to(talk, RUTH) == []
    assert maya.gets("/chat/you").status_code == 303


def moves(talk: Talk, web: Web, old: str, new: str) -> None:
    """Ruth gives somebody another number."""
    assert web.posts(at(talk, old), **details(talk, old, phone=new)).status_code == 303


@pytest.mark.parametrize("had_another", [False, True])
def test_an_old_number_that_texted_stop_gets_no_text(
    talk: Talk, web: Web, had_another: bool
) -> None:
    web.is_now(RUTH)
    if had_another:
        # The number has a thread of its own since then.
        moves(talk, web, MAYA, NEW)
        moves(talk, web, NEW, MAYA)
    talk.texts(MAYA, "STOP")
    before = texts_to(talk, MAYA)
    moves(talk, web, MAYA, NEW)
    assert texts_to(talk, MAYA) == before


def test_a_thread_in_another_program_never_says_which_program_sam_is_in(
    talk: Talk, web: Web
) -> None:
    talk.texts(STRANGER, "hello")
    before = texts_to(talk, STRANGER)
    talk.a_manager_elsewhere()
    [thread], [_, elsewhere] = talk.rows(Conversation), talk.rows(Program)
    with talk.database.writing() as session:
        session.get_one(Conversation, thread.id).program_id = elsewhere.id
    web.is_now(RUTH)
    moves(talk, web, SAM, STRANGER)
    moves(talk, web, STRANGER, NEW)
    assert texts_to(talk, STRANGER) == before
    assert texts_to(talk, RUTH)[-1].startswith("How Sam signs in is new or has changed;")


def test_managers_hear_of_everybody_new_and_of_one_import_once(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    web.posts("/people/import", **preview(web))
    [text] = texts_to(talk, RUTH)
    assert text.startswith("How Ana signs in is new"), "Ida is a mentee"
    web.posts("/people", **{**ANA, "phone": "+12025550131", "name": "Bo"})
    assert texts_to(talk, RUTH)[-1].startswith("How Bo signs in is new")
    assert texts_to(talk, "+12025550131") == []
    web.posts(at(talk, NEW) + "/leave")
    web.posts(at(talk, NEW) + "/back")
    assert len(texts_to(talk, RUTH)) == 3
    assert texts_to(talk, RUTH)[-1].startswith("How Ana signs in is new")


def test_a_new_role_ends_sessions_links_and_codes(talk: Talk, web: Web) -> None:
    sams = Web(talk)
    sams.is_now(SAM)
    link = asks_for_link(sams, SAM)
    web.is_now(RUTH)
    web.posts(at(talk, SAM), **details(talk, SAM, role="manager"))
    assert sams.gets("/account").status_code == 303
    assert sams.posts(link).status_code == 410
    assert not [one for one in talk.rows(OneTimeKey) if one.used_at is None]
    assert texts_to(talk, SAM)[-1].startswith("How you sign in to Warmline has changed;")


def test_a_password_or_passkey_is_announced_and_passkeys_are_offered(talk: Talk, web: Web) -> None:
    adds_passkey(web, SAM, Device())
    assert texts_to(talk, SAM)[-1].startswith("How you sign in to Warmline has changed;")
    assert texts_to(talk, RUTH)[-1].startswith("How Sam signs in is new or has changed;")
    assert changes(web, "", "maple tuba seventeen").status_code == 204
    assert (len(texts_to(talk, SAM)), len(texts_to(talk, RUTH))) == (2, 2)
    page = web.gets("/account?done=password").text
    assert "Do you still have these devices?" in page
    assert page.index("Do you still have") < page.index("Where you are signed in")


def test_a_text_says_nothing_more_and_fits_in_two_segments(talk: Talk, web: Web) -> None:
    adds_passkey(web, SAM, Device())
    web.is_now(RUTH)
    web.posts(at(talk, SAM), **details(talk, SAM, phone=NEW))
    for _, words in talk.phones.shown:
        assert len(words) <= 306
        assert NEW not in words


# --- new devices ---


def signs_in(number: str, web: Web, **headers: str) -> httpx2.Response:
    form = {"phone": number, "password": PASSWORD}
    return web.client.post("/sign-in", data=form, headers=headers)


def test_a_new_device_is_announced_once(talk: Talk, web: Web) -> None:
    talk.enrolls("Kim", "+12025550178", role=Role.MANAGER)
    web = Web(talk)
    assert signs_in(RUTH, web, **{"User-Agent": FIREFOX}).status_code == 303
    [text] = texts_to(talk, RUTH)
    assert text.startswith("You signed in from a new device, Firefox on Android;")
    [text] = texts_to(talk, "+12025550178")
    assert text.startswith("Ruth, a manager, signed in from a new device;")
    for _ in range(2):
        web.posts("/sign-out")
        signs_in(RUTH, web)
    assert len(talk.phones.shown) == 2
    give_password(talk, SAM)
    signs_in(SAM, web)
    assert len(talk.phones.shown) == 3, "of a mentor, only he himself hears"
    web.posts("/account/sessions/end-all")
    assert not [one for one in talk.rows(KnownDevice) if one.person_id == talk.person(SAM).id]
    signs_in(SAM, web)
    assert len(texts_to(talk, SAM)) == 2


def test_a_browser_that_changed_the_password_is_no_new_device(talk: Talk, web: Web) -> None:
    give_password(talk, SAM)
    web.is_now(SAM)
    web.client.cookies.delete("__Host-warmline_device")
    assert changes(web, PASSWORD, "maple tuba seventeen").status_code == 204
    before = texts_to(talk, SAM)
    web.posts("/sign-out")
    assert web.signs_in(SAM, "maple tuba seventeen").status_code == 303
    assert texts_to(talk, SAM) == before


# --- the second factor of managers ---


@pytest.fixture
def live(talk: Talk) -> Web:
    """A browser on a line with real texts."""
    give_password(talk, RUTH)
    give_password(talk, SAM)
    return Web(talk, sms="twilio")


def test_ruth_needs_a_code_after_her_password(talk: Talk, live: Web) -> None:
    live.signs_in(RUTH, PASSWORD, next="/people")
    for path in ("/people", "/account", "/console", "/policy"):
        assert live.gets(path).headers["Location"].startswith("/sign-in/confirm?next=%2F"), path
    assert live.clicks("/account/passkeys/options").status_code == 403
    assert live.posts("/people", **ANA).status_code == 403
    assert changes(live, PASSWORD, "maple tuba seventeen").status_code == 403
    page = live.gets("/sign-in/confirm?next=/people").text
    assert "Managers need two proofs" in page
    assert "confirm_password" not in page, "she has just given it"
    again = live.posts("/sign-in/confirm", confirm_password=PASSWORD)
    assert says(again, 422, "a different proof")
    live.posts("/sign-in/confirm/code", confirm_next="/people")
    code = code_for(talk, RUTH)
    done = live.posts("/sign-in/confirm", confirm_next="/people", confirm_code=code)
    assert (done.status_code, done.headers["Location"]) == (303, "/people")
    assert live.gets("/people").status_code == 200


def test_a_link_by_text_and_a_code_by_text_are_one_proof(talk: Talk, live: Web) -> None:
    live.posts(asks_for_link(live, RUTH))
    assert live.gets("/people").status_code == 303
    assert "Text me a code" not in live.gets("/sign-in/confirm").text
    live.posts("/sign-in/confirm/code")
    code = code_for(talk, RUTH)
    assert live.posts("/sign-in/confirm", confirm_code=code).status_code == 422
    assert live.posts("/sign-in/confirm", confirm_password=PASSWORD).status_code == 303
    assert live.gets("/people").status_code == 200


def test_a_half_finished_sign_in_ends_after_15_minutes(talk: Talk, live: Web) -> None:
    live.signs_in(RUTH, PASSWORD)
    talk.clock.now += timedelta(minutes=15)
    assert live.gets("/sign-in/confirm").headers["Location"].startswith("/sign-in?next=")
    assert talk.rows(KnownDevice) == []


def test_a_passkey_is_both_and_mentors_need_one_proof(talk: Talk, live: Web) -> None:
    live.signs_in(SAM, PASSWORD)
    assert live.gets("/console").status_code == 200
    live.posts("/sign-out")
    demo, device = Web(talk), Device()
    adds_passkey(demo, RUTH, device)
    assert signs_in_by(live, device).status_code == 303
    assert live.gets("/people").status_code == 200


def test_a_new_manager_sets_up_a_second_proof_at_the_first_sign_in(talk: Talk, live: Web) -> None:
    talk.sets(RUTH, password_hash=None)
    live.posts(asks_for_link(live, RUTH))
    assert live.gets("/people").headers["Location"] == "/account?done=set-up"
    assert live.clicks("/people/search", words="sam").status_code == 403
    assert "Set a password or add a passkey" in live.gets("/account?done=set-up").text
    assert changes(live, "", "maple tuba seventeen").status_code == 204
    assert live.gets("/people").status_code == 200
    [web_session] = talk.rows(WebSession)
    assert web_session.ends_at - talk.clock() == timedelta(hours=12)


def test_a_new_manager_goes_on_after_a_first_passkey(talk: Talk, live: Web) -> None:
    talk.sets(RUTH, password_hash=None)
    live.posts(asks_for_link(live, RUTH))
    copy = live.browser()
    copy.cookies.update(live.client.cookies)
    options = live.clicks("/account/passkeys/options").json()
    added = live.posts("/account/passkeys", answer=Device().makes(options))
    assert added.headers["Location"] == "/account?done=added"
    cookies = added.headers.get_list("Set-Cookie")
    [cookie] = [one for one in cookies if one.startswith("__Host-warmline=")]
    assert "Max-Age=43200" in cookie, "it is there for as long as the session"
    assert live.gets("/people").status_code == 200
    assert copy.get("/people").headers["Location"].startswith("/sign-in?next="), "the old token"
    assert len(talk.rows(KnownDevice)) == 1


def test_a_program_can_do_without_the_second_factor(talk: Talk, live: Web) -> None:
    talk.adopts("sign_in", managers_second_factor=False)
    live.signs_in(RUTH, PASSWORD)
    assert live.gets("/people").status_code == 200
