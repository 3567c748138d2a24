import pytest

from bot.client import Bot
from tests.rasa_server import RasaServer


@pytest.fixture
def bot(rasa: RasaServer) -> Bot:
    return Bot(rasa.url, token=rasa.token, timeout_seconds=5.0)
