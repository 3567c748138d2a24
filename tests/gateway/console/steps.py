"""What mentors do at the console and see there."""

import re

from tests.line import MAYA, SAM, Talk
from tests.web_client import Web

LONELY = "nobody would notice if i was gone, i just want someone to talk to"
CRISIS = "i want to kill myself"


def sam_takes(talk: Talk, web: Web, words: str) -> None:
    talk.texts(MAYA, words)
    web.is_now(SAM)
    assert web.posts("/console/1/take").status_code == 303


def message_box(page: str) -> str:
    [words] = re.findall(r"<textarea id=\"words\".*?>(.*?)</textarea>", page)
    return str(words)


def handoffs_on(page: str) -> list[str]:
    return re.findall(r'<li id="h(\d+)"', page)


def count_on(page: str, tab: str) -> int:
    [count] = re.findall(rf'tab={tab}"[^>]*>\w+ <span class="count">(\d+)<', page)
    return int(count)
