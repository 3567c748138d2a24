"""A mentor's evening by SMS alone, on the demo's phones in a real browser: no console is opened.

The same evening without a browser is tests/conversations/an_evening_by_sms.txt. The gateway runs
without the bot, which is away.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browsers import fits, open_context
from tests.processes import Process, demo_database

PATIENCE = 15_000  # on a machine busy with other tests


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("phones")
    with demo_database(folder):
        gateway = Process(folder, "serve", SMS="phones").start()
    yield gateway
    gateway.kill()


class Phone:
    def __init__(self, page: Page, owner: str) -> None:
        self.region = page.get_by_role("region", name=owner, exact=True)
        self.thread = page.get_by_role("log", name=f"Texts on {owner}'s phone")
        self.box = page.get_by_label(f"Send a text as {owner}")

    def texts(self, words: str) -> None:
        self.box.fill(words)
        self.region.get_by_role("button", name="Send").click()
        expect(self.box).to_have_value("", timeout=PATIENCE)

    def saying(self, words: str | re.Pattern[str]) -> Locator:
        return self.thread.get_by_role("listitem").filter(has_text=words)

    def shows(self, words: str | re.Pattern[str], *, number: int | None = None) -> Locator:
        """The newest text there with these words; with `number`, once there are so many."""
        if number is not None:
            expect(self.saying(words)).to_have_count(number, timeout=PATIENCE)
        text = self.saying(words).last
        expect(text).to_be_visible(timeout=PATIENCE)
        return text


@pytest.mark.parametrize(
    ("evening", "width", "colors"),
    [(1, 390, "light"), (2, 1280, "dark"), (3, 390, "dark"), (4, 1280, "light")],
)
def test_sam_takes_answers_hands_over_and_noor_ends_it_by_text_alone(
    browser: Browser, gateway: Process, trouble: list[str], evening: int, width: int, colors: str
) -> None:
    context = open_context(browser, gateway.url, trouble, width=width, colors=colors)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/phones")
    maya, sam, noor = (Phone(page, owner) for owner in ("Maya", "Sam", "Noor"))
    fits(page)

    # The phones still show the evenings before.
    alert, request = "your mentee M. needs a person soon.", "Sam asks you to take over"
    earlier = re.findall(r"TAKE (\w{4})", sam.thread.inner_text())
    requests = noor.saying(request).count()
    maya.texts(f"can i talk to a real person please, evening {evening}")
    maya.shows(f"evening {evening}")
    if evening == 1:
        expect(sam.shows(alert)).not_to_contain_text("real person please")
    # A later alert may still wait for others to go with it, so Sam asks what waits.
    sam.texts("waiting")
    waits = re.compile(rf"like TAKE (?!{'|'.join(['-', *earlier])})(\w{{4}})\.")
    call = sam.shows(waits)
    code = re.findall(waits, call.inner_text())[0]
    expect(call).not_to_contain_text("real person please")

    sam.texts(f"take {code}")
    sam.shows(f"You have #{code}.")
    maya.shows("Sam is here now")
    sam.texts(f"Hi Maya, on my way home, evening {evening}.")
    maya.shows(f"Sam: Hi Maya, on my way home, evening {evening}.")
    maya.texts(f"mum and me had a fight on evening {evening}")
    news = sam.shows(f"#{code} wrote to you.")
    expect(news).not_to_contain_text("fight")

    sam.texts(f"note {code}: fight with her mother, evening {evening}")
    sam.shows(f"Note saved for #{code}.")
    expect(maya.thread).not_to_contain_text("fight with her mother")

    sam.texts(f"give {code} to Noor she knows the aunt")
    offer = noor.shows(request, number=requests + 1)
    own = re.findall(r"ACCEPT (\w{4})", offer.inner_text())[0]
    assert own != code
    noor.texts(f"accept {own}")
    maya.shows("Noor is here now in place of Sam")
    sam.shows(f"Noor has #{code} now.")
    noor.texts(f"Hi Maya, Noor here on evening {evening}")
    maya.shows(f"Noor: Hi Maya, Noor here on evening {evening}")

    noor.texts(f"done {own}")
    noor.shows(f"#{own} is closed")
    maya.shows("Noor ended this talk.")
    expect(maya.thread).not_to_contain_text("555-01")
    fits(page)
    consoles = [url for url in asked if re.search("/console|/log|/sign-in", url)]
    assert consoles == [], "nobody opened a page but the phones"
    assert trouble == []
    context.close()
