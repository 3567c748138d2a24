"""The chat widget for a school's site, with its labels in each language."""

import json
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from escalation.speech.i18n import LANGUAGES, gettext_noop, in_language

router = APIRouter()

FILE = Path(__file__).parents[1] / "web" / "static" / "widget.js"
PLACE = "/* words by language */ {}"
WORDS = {
    "label": gettext_noop("Chat with Warmline"),
    "close": gettext_noop("Close the chat"),
    "newTab": gettext_noop("Open in a new tab"),
}


@router.get("/static/widget.js")
def widget() -> Response:
    return Response(_script(), media_type="text/javascript")


@cache
def _script() -> str:
    words = {
        language: {name: in_language(language, said) for name, said in WORDS.items()}
        for language in LANGUAGES
    }
    return FILE.read_text("utf-8").replace(PLACE, json.dumps(words, ensure_ascii=False))
