"""Passkeys in a real browser with a virtual authenticator; and the sign-in link."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from gateway.demo import seed_demo
from gateway.people.enrollment import enroll
from gateway.people.people_file.reading import read_people
from gateway.runtime.database import Database, make_engine
from models import Program, use_key
from tests.browsers import fits, has_come_in, open_context
from tests.keys import KEYS
from tests.processes import KEY, Process

FINGER = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway with the demo's people, at an address to which a passkey can belong."""
    folder = tmp_path_factory.mktemp("passkeys")
    use_key(KEY, KEYS)
    database = Database(make_engine(f"sqlite:///{folder / 'warmline.db'}"))
    database.migrate()
    with database.writing() as session:
        seed_demo(session, now=datetime.now(UTC))
        program = session.scalars(select(Program)).one()
        people = read_people(
            b"role,name,phone\nmentor,Lee,+12025550113\n", timezone=program.timezone
        )
        enroll(session, program, people, now=datetime.now(UTC))
    database.engine.dispose()
    gateway = Process(folder, "serve", SMS="phones")
    address = f"http://localhost:{gateway.port}"
    gateway.environment["PUBLIC_URL"] = address
    gateway.start(patience_seconds=120)
    yield address
    gateway.kill()


# A different person on each screen, because each sets their first password.
SCREENS = {
    "390 dark": ("Ruth", "202 555 0121"),
    "1280 light": ("Sam", "(202) 555-0111"),
    "390 light": ("Noor", "202-555-0112"),
    "1280 dark": ("Lee", "2025550113"),
}


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def context(
    browser: Browser, gateway: str, screen: str, trouble: list[str]
) -> Iterator[BrowserContext]:
    width, colors = int(screen.split()[0]), screen.split()[1]
    context = open_context(browser, gateway, trouble, width=width, colors=colors)
    yield context
    context.close()


def page_with_finger(context: BrowserContext) -> Page:
    """A page on a device with a fingerprint reader that confirms everything."""
    page = context.new_page()
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": FINGER})
    return page


def test_noor_adds_a_passkey_signs_out_and_signs_in_with_it(
    context: BrowserContext, screen: str, trouble: list[str]
) -> None:
    page = page_with_finger(context)
    page.goto("/sign-in?next=/account")
    page.get_by_role("button", name="Noor, mentor").click()
    expect(page.get_by_role("heading", name="Your account", level=1)).to_be_visible()
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status").filter(has_text="Passkey added.")).to_be_visible()
    passkeys = page.get_by_role("list", name="Passkeys")
    expect(passkeys.get_by_text("not used yet").first).to_be_visible()
    fits(page)

    box = passkeys.get_by_role("textbox", name="Name").last
    box.fill(f"My phone, {screen}")
    passkeys.get_by_role("button", name=re.compile("^Rename")).last.click()
    expect(page.get_by_role("status").filter(has_text="Passkey renamed.")).to_be_visible()

    page.get_by_role("button", name="Add a passkey").click()
    expect(
        page.get_by_role("alert").filter(has_text="already has a passkey for you")
    ).to_be_visible()

    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()
    page.goto("/account")
    expect(page.get_by_role("heading", name="Sign in", level=1)).to_be_visible()
    fits(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Your account", level=1)).to_be_visible()
    expect(page.get_by_text("Signed in as Noor")).to_be_visible()
    expect(passkeys.get_by_text("last used").last).to_be_visible()

    passkeys.get_by_role("button", name=f"Remove My phone, {screen}").click()
    expect(page.get_by_role("status").filter(has_text="Passkey removed.")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="did not sign you in")).to_be_visible()
    assert [said for said in trouble if "401" not in said] == []


def test_a_device_without_a_passkey_is_told_so(context: BrowserContext, trouble: list[str]) -> None:
    page = page_with_finger(context)
    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    alert = page.get_by_role("alert").filter(has_text="Your device did not confirm it")
    expect(alert).to_be_visible(timeout=70_000)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_enabled()
    assert trouble == []


def test_without_javascript_passkeys_are_not_offered(browser: Browser, gateway: str) -> None:
    context = browser.new_context(base_url=gateway, java_script_enabled=False)
    page = context.new_page()
    page.goto("/sign-in?next=/account")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    page.get_by_role("button", name="Sam, mentor").click()
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()
    expect(page.get_by_text("Passkeys need a browser that supports them")).to_be_visible()
    context.close()


def test_a_person_gets_a_link_by_text_and_sets_a_password(
    context: BrowserContext, screen: str, trouble: list[str]
) -> None:
    name, number = SCREENS[screen]
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_role("link", name="Get a link by text").click()
    page.get_by_label("Your phone number").fill(number)
    page.get_by_role("button", name="Text me a link").click()
    expect(page.get_by_role("status").filter(has_text="we are texting a link")).to_be_visible()
    fits(page)

    page.goto("/phones")
    phone = page.get_by_role("region", name=name, exact=True)
    address = phone.locator("a[href*='/sign-in/link/']").last
    page.goto(address.get_attribute("href") or "")
    fits(page)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text(f"Signed in as {name}")).to_be_visible()

    page.get_by_role("link", name="Account").click()
    expect(page.get_by_role("heading", name="Your account", level=1)).to_be_visible()
    has_come_in(page)
    form = page.locator("form[action='/account/password']")
    form.get_by_label("New password, at least").fill("a long new one")
    form.get_by_label("Repeat new password").fill("a long old one")
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("do not match")
    form.get_by_label("Repeat new password").fill("a long new one")
    form.get_by_role("button").click()
    expect(page.get_by_role("status").filter(has_text="Password changed")).to_be_visible()
    has_come_in(page)

    form.get_by_label("Old password").fill("not the old one")
    form.get_by_label("New password, at least").fill("another long one")
    form.get_by_label("Repeat new password").fill("another long one")
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_have_text("Wrong old password.")
    expect(form.get_by_label("Repeat new password")).to_have_value("another long one")
    assert [said for said in trouble if not re.search("422|403", said)] == []
