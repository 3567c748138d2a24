"""Maya in the web chat."""

import pytest

from tests.chat_browser import Browser, agrees
from tests.line import JO, MAYA, SAM, Talk


@pytest.fixture
def maya(talk: Talk) -> Browser:
    """Maya, signed in to the chat."""
    agrees(talk, MAYA, JO)
    browser = Browser(talk)
    browser.is_now(MAYA)
    return browser


@pytest.fixture
def maya_with_sam(talk: Talk, maya: Browser) -> Browser:
    """Maya, in the chat with Sam, and no check-ins."""
    talk.kept.ignored = ("check_ins",)
    maya.writes("PERSON")
    talk.texts(SAM, "take {}")
    maya.opens()
    return maya
