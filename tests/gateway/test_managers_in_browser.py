"""Ruth's own work in a real browser: people from a file, the rota, and another policy."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from gateway.database import Database, make_engine
from models.encryption import use_key
from tests.browsers import CHROMIUM, FLAGS
from tests.conftest import KEY
from tests.gateway.test_accessibility import RULES
from tests.line import RUTH, SAM, Talk
from tests.processes import Process


@pytest.fixture(scope="module")
def ruth_and_sam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, int, int]]:
    """A gateway with the demo's people, and the numbers of Ruth and Sam in it."""
    folder = tmp_path_factory.mktemp("managers")
    use_key(KEY)
    database = Database(make_engine(f"sqlite:///{folder / 'warmline.db'}"))
    database.migrate()
    talk = Talk(database)
    ruth, sam = talk.person(RUTH).id, talk.person(SAM).id
    database.engine.dispose()
    gateway = Process(folder, "serve", SMS="phones").start()
    yield gateway, ruth, sam
    gateway.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def open_browser(
    browser: Browser, gateway: Process, trouble: list[str], *, width: int, dark: bool
) -> BrowserContext:
    context = browser.new_context(
        base_url=gateway.url,
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
    )
    context.on("weberror", lambda error: trouble.append(str(error.error)))
    context.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    context.on(
        "request",
        lambda asked: None if asked.url.startswith(gateway.url) else trouble.append(asked.url),
    )
    context.set_default_timeout(20_000)
    return context


def check(page: Page) -> None:
    """Nothing sticks out to the side, and axe-core finds nothing against WCAG 2.2 AA."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.evaluate("document.documentElement.clientWidth"), page.url
    seen = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    assert [one["id"] for one in seen.response["violations"]] == [], page.url


@pytest.mark.parametrize(("width", "dark"), [(320, False), (1280, True)])
def test_a_file_of_people_a_shift_and_another_policy(
    browser: Browser, ruth_and_sam: tuple[Process, int, int], width: int, dark: bool
) -> None:
    gateway, ruth, sam = ruth_and_sam
    trouble: list[str] = []
    context = open_browser(browser, gateway, trouble, width=width, dark=dark)
    assert context.request.post(f"/sign-in/as/{ruth}").ok
    page = context.new_page()

    page.goto("/people/import")
    number = f"+1202555{width:04}"
    file = f"role;name;phone;timezone;mentor\nmentee;Zoë{width};{number};;Sam\nmentee;Cy;?;;\n"
    page.get_by_label("CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": file.encode("cp1252")}
    )
    page.get_by_role("button", name="Look at it first").click()
    expect(page.get_by_text("Read as Windows-1252, separated by semicolons")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="phone is no telephone number")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Import these 1").dblclick()
    expect(page.get_by_role("status").filter(has_text=re.compile("added|nothing"))).to_be_visible()
    person = page.get_by_role("link", name=f"Zoë{width}")
    expect(person).to_have_count(1)
    check(page)
    person.click()
    expect(page.get_by_label("Own mentor")).to_have_value(str(sam))
    check(page)

    page.goto("/programme")
    form = page.locator("form[action='/programme/shifts']")
    form.get_by_label("Who").select_option(str(sam))
    form.get_by_text("Monday", exact=True).click()
    form.get_by_label("From").fill("22:00")
    form.get_by_label("Until").fill("06:00")
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Saved. It holds from now on.")).to_be_visible()
    expect(page.get_by_text(re.compile("Monday 22:00.06:00 .to the next day"))).to_be_visible()
    check(page)

    page.goto("/policy")
    box = page.get_by_label("Policy, as TOML")
    text = box.input_value()
    box.fill(re.sub(r"stuck_after = \d+", "stuck_after = 0", text, count=1))
    page.get_by_label("Why it changes").fill(f"tried at {width}")
    page.get_by_role("button", name="See what it would have done").click()
    expect(page.get_by_role("alert")).to_contain_text("bot.stuck_after")
    expect(page.get_by_label("Why it changes")).to_have_value(f"tried at {width}")
    check(page)
    box.fill(re.sub(r"stuck_after = \d+", f"stuck_after = {5 + dark}", text, count=1))
    page.get_by_role("button", name="See what it would have done").click()
    expect(page.get_by_role("heading", name="The last four weeks again")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Take it up").click()
    expect(page.get_by_role("status").filter(has_text="Taken up.")).to_be_visible()
    page.get_by_role("link", name=re.compile("Version")).first.click()
    expect(page.get_by_text(f"tried at {width}")).to_be_visible()
    check(page)
    # A sentence of ours comes with its status, which the browser notes.
    assert [one for one in trouble if "422" not in one] == []
    context.close()
