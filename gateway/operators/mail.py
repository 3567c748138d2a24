"""E-mail by SMTP, for alerts without content and for operators."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import make_msgid
from urllib.parse import unquote, urlsplit

from gateway.runtime.line import TextFailed
from gateway.runtime.settings import is_loopback

TIMEOUT_SECONDS = 10


class SmtpMail:
    """`url`: smtp://user:password@host:587, or smtps:// for TLS from the start.

    Without smtps://, TLS begins before anything is said, except on this machine.
    """

    def __init__(self, url: str, *, sender: str) -> None:
        self._url, self._sender = urlsplit(url), sender

    def send(self, to: str, subject: str, words: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, subject
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].rstrip(">"))
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(words)
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise TextFailed(f"smtp {codes[0]}", final=min(codes) >= 500) from error
        except smtplib.SMTPResponseException as error:
            final = error.smtp_code >= 500
            raise TextFailed(f"smtp {error.smtp_code}", final=final) from error
        except (smtplib.SMTPException, OSError) as error:
            raise TextFailed("unreachable", final=False) from error

    def _connect(self) -> smtplib.SMTP:
        host = self._url.hostname or ""
        tls = ssl.create_default_context()
        if self._url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, self._url.port or 465, timeout=TIMEOUT_SECONDS, context=tls
            )
        else:
            server = smtplib.SMTP(host, self._url.port or 587, timeout=TIMEOUT_SECONDS)
            if not is_loopback(host):
                server.starttls(context=tls)
        if self._url.username:
            server.login(unquote(self._url.username), unquote(self._url.password or ""))
        return server
