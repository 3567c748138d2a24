"""Sends texts through Twilio."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from requests.exceptions import RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from gateway.messaging.delivery_codes import Act, get_code
from gateway.runtime.line import Sent, TextFailed


class BaseUrlHttpClient(TwilioHttpClient):
    """Twilio's client for another address, which its edge and region settings cannot set."""

    def __init__(self, base_url: str | None, **options: Any) -> None:
        super().__init__(**options)
        self.base_url = base_url

    def request(self, method: str, url: str, *args: Any, **options: Any) -> Any:
        if self.base_url:
            asked, base = urlsplit(url), urlsplit(self.base_url)
            path = base.path.rstrip("/") + asked.path
            url = urlunsplit((base.scheme, base.netloc, path, asked.query, asked.fragment))
        return super().request(method, url, *args, **options)


def connect(
    account_sid: str, auth_token: str, *, base_url: str | None = None, timeout_seconds: float = 5
) -> Client:
    http = BaseUrlHttpClient(base_url, timeout=timeout_seconds)
    return Client(account_sid, auth_token, http_client=http)


class Twilio:
    """Twilio's REST API.

    It cannot tell that the same text is sent twice. So each text names its own status callback,
    and after a crash `find_sent` looks for a text before it is sent again.
    """

    def __init__(
        self,
        client: Client,
        *,
        public_url: str,
        from_: str | None = None,
        messaging_service_sid: str | None = None,
    ) -> None:
        self._client, self._public_url = client, public_url
        self._sender = (
            {"messaging_service_sid": messaging_service_sid}
            if messaging_service_sid
            else {"from_": from_}
        )

    def send(
        self, to: str, words: str, *, message_id: int, valid_for: timedelta | None = None
    ) -> Sent:
        sender = self._sender
        if to.startswith("whatsapp:") and (number := sender.get("from_")):
            sender = {"from_": f"whatsapp:{number}"}
        try:
            text = self._client.messages.create(
                to=to,
                body=words,
                status_callback=f"{self._public_url}/twilio/status/{message_id}",
                **({"validity_period": round(valid_for.total_seconds())} if valid_for else {}),
                **sender,
            )
        except (TwilioException, RequestException) as error:
            raise _failed(error) from error
        return Sent(str(text.sid))

    def find_sent(self, to: str, words: str, *, since: datetime) -> list[Sent]:
        try:
            # Newest first. A text still queued at Twilio has no date_sent to filter by.
            texts = self._client.messages.list(to=to, limit=50)
        except (TwilioException, RequestException) as error:
            raise _failed(error) from error
        # Twilio's clock and ours may differ by a little.
        earliest = since - timedelta(minutes=1)
        return [
            Sent(str(text.sid))
            for text in texts
            if text.body == words and (text.date_created is None or text.date_created > earliest)
        ]

    def forget(self, provider_id: str) -> None:
        try:
            self._client.messages(provider_id).delete()
        except (TwilioException, RequestException) as error:
            if not (isinstance(error, TwilioRestException) and error.status == 404):
                raise _failed(error) from error


class TwilioCalls:
    """Calls people through Twilio. It asks our pages what to say, and tells them what happened."""

    def __init__(self, client: Client, *, public_url: str, from_: str) -> None:
        self._client, self._voice, self._from = client, f"{public_url}/twilio/voice", from_

    def call(self, to: str, *, step_id: int) -> str:
        try:
            call = self._client.calls.create(
                to=to,
                from_=self._from,
                url=f"{self._voice}/alert/{step_id}",
                status_callback=f"{self._voice}/status/{step_id}",
                # Twilio listens whether a machine answered while it already speaks.
                machine_detection="Enable",
                async_amd="true",
                async_amd_status_callback=f"{self._voice}/machine/{step_id}",
                # About five rings: before most voice mail answers.
                timeout=25,
            )
        except (TwilioException, RequestException) as error:
            raise _failed(error) from error
        return str(call.sid)


def _failed(error: Exception) -> TextFailed:
    if not isinstance(error, TwilioRestException):
        return TextFailed("unreachable", final=False)
    code = str(error.code or error.status)
    return TextFailed(code, final=get_code(code, taken=False).act is Act.GIVE_UP)
