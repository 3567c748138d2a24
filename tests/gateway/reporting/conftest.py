import pytest

from tests.gateway.reporting.past import Past
from tests.line import Talk


@pytest.fixture
def past(talk: Talk) -> Past:
    return Past(talk)
