"""What Warmline expects of a service that sends texts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from models import Delivery


@dataclass(frozen=True)
class Sent:
    """The provider has accepted a text under `provider_id`."""

    provider_id: str
    delivery: Delivery = Delivery.SENT


class TextFailed(Exception):
    """A text was not accepted. `final` says that sending it again would not help."""

    def __init__(self, code: str, *, final: bool) -> None:
        self.code = code
        self.final = final
        super().__init__(f"The text was not accepted ({code}).")


class Texts(Protocol):
    def send(self, to: str, words: str, *, message_id: int) -> Sent:
        """Raises TextFailed."""

    def find_sent(self, to: str, words: str, *, since: datetime) -> list[Sent]:
        """Every text with these words to this number that the provider accepted since then.

        After a crash in mid-send it tells whether the text got through after all. Raises
        TextFailed when the provider cannot be asked.
        """
