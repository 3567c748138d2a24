"""Ruth's own work in a real browser: people from a file, the rota, and another policy."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.runtime.database import Database, make_engine
from models import use_key
from tests.browsers import fits, open_context, violations
from tests.conftest import KEY
from tests.keys import KEYS
from tests.line import RUTH, SAM, Talk
from tests.processes import Process


@pytest.fixture(scope="module")
def ruth_and_sam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, int, int]]:
    """A gateway with the demo's people, and the numbers of Ruth and Sam in it."""
    folder = tmp_path_factory.mktemp("managers")
    use_key(KEY, KEYS)
    database = Database(make_engine(f"sqlite:///{folder / 'warmline.db'}"))
    database.migrate()
    talk = Talk(database)
    ruth, sam = talk.person(RUTH).id, talk.person(SAM).id
    database.engine.dispose()
    gateway = Process(folder, "serve", SMS="phones").start()
    yield gateway, ruth, sam
    gateway.kill()


def check(page: Page) -> None:
    """Nothing sticks out to the side, and axe-core finds nothing against WCAG 2.2 AA."""
    fits(page)
    assert violations(page) == [], page.url


@pytest.mark.parametrize(
    ("width", "colors", "day", "stuck_after"),
    [
        (320, "light", "Monday", 5),
        (1280, "dark", "Tuesday", 6),
        (390, "dark", "Wednesday", 7),
        (1280, "light", "Thursday", 8),
    ],
)
def test_a_file_of_people_a_shift_and_another_policy(
    browser: Browser,
    ruth_and_sam: tuple[Process, int, int],
    trouble: list[str],
    width: int,
    colors: str,
    day: str,
    stuck_after: int,
) -> None:
    gateway, ruth, sam = ruth_and_sam
    context = open_context(browser, gateway.url, trouble, width=width, colors=colors)
    assert context.request.post(f"/sign-in/as/{ruth}").ok
    page = context.new_page()

    page.goto("/people/import")
    name, number = f"Zoë{stuck_after}", f"+1202555016{stuck_after}"
    file = f"role;name;phone;timezone;mentor\nmentee;{name};{number};;Sam\nmentee;Cy;?;;\n"
    page.get_by_label("CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": file.encode("cp1252")}
    )
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("radio", name=name).first.check()
    page.get_by_role("button", name="Use these names").click()
    expect(
        page.get_by_text("Read as Windows, Western European, separated by semicolons")
    ).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="not a valid phone number")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Import 1 person").dblclick()
    expect(page.get_by_role("status").filter(has_text=re.compile("added|Nothing"))).to_be_visible()
    person = page.get_by_role("link", name=name)
    expect(person).to_have_count(1)
    check(page)
    person.click()
    expect(page.get_by_label("Own mentor")).to_have_value(str(sam))
    check(page)

    page.goto("/program")
    form = page.locator("form[action='/program/shifts']")
    form.get_by_label("Who").select_option(str(sam))
    form.get_by_text(day, exact=True).click()
    form.get_by_label("From").fill("22:00")
    form.get_by_label("Until").fill("06:00")
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    expect(page.get_by_text(re.compile(f"{day} 22:00.06:00 .to the next day"))).to_be_visible()
    check(page)

    page.goto("/policy")
    box = page.get_by_label("Policy (TOML)")
    text = box.input_value()
    box.fill(re.sub(r"stuck_after = \d+", "stuck_after = 0", text, count=1))
    page.get_by_label("Reason for the change").fill(f"tried on {day}")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("bot.stuck_after")
    expect(page.get_by_label("Reason for the change")).to_have_value(f"tried on {day}")
    check(page)
    box.fill(re.sub(r"stuck_after = \d+", f"stuck_after = {stuck_after}", text, count=1))
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview: the last four weeks")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("status").filter(has_text="Activated.")).to_be_visible()
    page.get_by_role("link", name=re.compile("Version")).first.click()
    expect(page.get_by_text(f"tried on {day}")).to_be_visible()
    check(page)
    # A sentence of ours comes with its status, which the browser notes.
    assert [one for one in trouble if "422" not in one] == []
    context.close()
