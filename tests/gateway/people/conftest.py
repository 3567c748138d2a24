"""Ruth at her browser."""

import pytest

from tests.line import RUTH, Talk
from tests.web_client import Web


@pytest.fixture
def web(talk: Talk) -> Web:
    web = Web(talk)
    web.is_now(RUTH)
    return web
