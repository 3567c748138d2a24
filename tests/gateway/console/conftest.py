"""What the tests of the console share."""

import pytest

from tests.gateway.console.steps import sam_takes
from tests.line import Talk
from tests.web_client import ASKS, Web


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


@pytest.fixture
def sam(talk: Talk, web: Web) -> Web:
    """Sam at the console, with Maya's conversation."""
    sam_takes(talk, web, ASKS)
    return web
