"""What the tests of reviews share."""

import pytest

from tests.line import Talk
from tests.web_client import Web


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)
