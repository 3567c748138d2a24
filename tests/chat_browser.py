"""A mentee's browser at the web chat."""

import re

import httpx2

from gateway.chat.sign_in import invite
from gateway.privacy.terms import TERMS_VERSION
from models import AgeBand, Consent, Person
from tests.line import Talk
from tests.web_client import HERE, Web


def agrees(talk: Talk, *numbers: str) -> None:
    with talk.database.writing() as session:
        for number in numbers:
            session.add(
                Consent(
                    person_id=talk.person(number).id,
                    at=talk.clock(),
                    terms=TERMS_VERSION,
                    age_band=AgeBand.FROM_16,
                )
            )


class Browser(Web):
    def asks(self, path: str, **form: str) -> httpx2.Response:
        """As the page's script sends it."""
        return self.client.post(path, data=form, headers={"X-Chat": "1"})

    def is_now(self, number: str) -> None:
        assert self.posts(f"/chat/as/{self.talk.person(number).id}").status_code == 303

    def writes(self, words: str, key: str = "") -> httpx2.Response:
        return self.asks("/chat", words=words, key=key)

    def opens(self) -> str:
        answer = self.gets("/chat")
        assert answer.status_code == 200, answer.headers
        return answer.text


def invitation(talk: Talk, number: str) -> str:
    with talk.database.writing() as session:
        person = session.get_one(Person, talk.person(number).id)
        return invite(session, person, talk.line.rules, now=talk.clock()).removeprefix(HERE)


def shown(page: str) -> list[str]:
    return re.findall(r'<p class="words" dir="auto">(.*?)</p>', page, re.DOTALL)


def code_texted(talk: Talk, number: str) -> str:
    [words] = [words for words in talk.read_by(number) if "your code for the chat" in words][-1:]
    found = re.search(r"\b\d{6}\b", words)
    assert found
    return found[0]
