import pytest

from models.encryption import ownership
from models.encryption.words import decrypt
from tests.gateway.reporting.past import Past
from tests.line import Talk


@pytest.fixture
def past(talk: Talk) -> Past:
    return Past(talk)


@pytest.fixture
def decrypted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was read from encrypted columns, in order."""
    words: list[str] = []

    def note(token: str) -> str:
        words.append(decrypt(token))
        return words[-1]

    monkeypatch.setattr(ownership, "decrypt", note)
    return words
