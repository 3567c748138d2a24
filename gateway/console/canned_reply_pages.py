"""The page where managers write canned replies."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from gateway.accounts.sessions import Manager
from gateway.console.canned_replies import ReplyRefused, list_replies, remove_reply, write_reply
from gateway.console.moves import DOUBLE_CLICK
from gateway.runtime.user_input import cleaned
from gateway.web.rendering import Number, PageRefused, get_line, go_to, page, wants_part
from models import Person

router = APIRouter(prefix="/console/replies")

Words = Annotated[str, Form()]
PAGE = "/console/replies"


@router.get("")
def replies(request: Request, manager: Manager) -> Response:
    return _show(request, manager)


@router.post("")
def write(request: Request, manager: Manager, title: Words = "", words: Words = "") -> Response:
    title, words = " ".join(cleaned(title).split()), cleaned(words)
    line = get_line(request)
    now = line.clock()
    try:
        with line.database.writing() as session:
            if not any(
                (one.title, one.words, one.by_id) == (title, words, manager.id)
                and now - one.at < DOUBLE_CLICK
                for one in list_replies(session, manager.program_id)
            ):
                write_reply(session, by=manager, title=title, words=words, now=now)
    except ReplyRefused as refused:
        if wants_part(request):
            raise PageRefused(422, str(refused)) from refused
        return _show(request, manager, title, words, sentence=str(refused))
    return go_to(request, PAGE)


@router.post("/{number}/remove")
def remove(request: Request, number: Number, manager: Manager) -> Response:
    line = get_line(request)
    with line.database.writing() as session:
        remove_reply(session, manager.program_id, number, now=line.clock())
    return go_to(request, PAGE)


def _show(
    request: Request, manager: Person, title: str = "", words: str = "", *, sentence: str = ""
) -> Response:
    """`sentence` says why the reply with this title and words was refused."""
    with get_line(request).database.reading() as session:
        there = list_replies(session, manager.program_id)
    return page(
        request,
        "console/console_replies.html",
        viewer=manager,
        status=422 if sentence else 200,
        replies=there,
        title=title,
        words=words,
        sentence=sentence,
    )
