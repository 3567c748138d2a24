"""A fake Twilio, and the settings of a Warmline that uses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.messaging.sms import Twilio, connect
from gateway.runtime.settings import Settings, load_settings
from tests.fake_twilio import ACCOUNT_SID, NUMBER, TOKEN, FakeTwilio
from tests.line import Talk
from tests.processes import KEY

PUBLIC = "https://warmline.example"


@pytest.fixture
def patience_seconds() -> float:
    """How long Warmline waits for Twilio's answer."""
    return 0.5


@pytest.fixture
def twilio(talk: Talk, patience_seconds: float) -> Iterator[FakeTwilio]:
    """The texts go out through Twilio, which confirms none of them."""
    with FakeTwilio(callbacks=False) as fake:
        client = connect(ACCOUNT_SID, TOKEN, base_url=fake.url, timeout_seconds=patience_seconds)
        talk.line.texts = Twilio(client, public_url=PUBLIC, from_=NUMBER)
        yield fake
        assert fake.violations == []


@pytest.fixture
def twilio_settings(tmp_path: Path) -> Settings:
    return load_settings(
        warmline_key=KEY,
        database_url=f"sqlite:///{tmp_path / 'unused.db'}",
        sms="twilio",
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=TOKEN,
        twilio_from=NUMBER,
        public_url=PUBLIC,
    )
