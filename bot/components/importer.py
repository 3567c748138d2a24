"""Reads the training files, and adds to each slot what every file would otherwise repeat.

Rasa uses it in training, validation, and cross-validation.
"""

from __future__ import annotations

from typing import Any

from rasa.shared.core.domain import Domain
from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.utils.common import cached_method

# Short messages to the bot itself, never an answer in the mentee's own words. Topics and hard days
# are not among them: "i cant sleep" is a fine problem to name.
SAID_TO_THE_BOT = frozenset(
    {"affirm", "ask_abilities", "ask_for_person", "ask_if_bot", "ask_if_cares", "ask_privacy"}
    | {"greet", "idk", "leave", "more", "resume", "skip", "start_over", "thanks"}
)


class Importer(RasaFileImporter):
    """Rasa's own reader, but no free-text slot takes words that are said to the bot."""

    @cached_method
    def get_domain(self) -> Domain:
        read = super().get_domain()
        filled = read.as_dict()
        meant_for_bot = SAID_TO_THE_BOT & set(read.intents) | {
            intent for intent in read.intents if _form_asked_by(intent) in read.form_names
        }
        for name, slot in filled.get("slots", {}).items():
            # "my goal is to run" asks for the goal skill, and is a fine goal to name in it.
            own = {intent for intent in meant_for_bot if _fills(name, _form_asked_by(intent), read)}
            keep_for_bot(slot["mappings"], meant_for_bot - own)
        return Domain.from_dict(filled)


def keep_for_bot(mappings: list[dict[str, Any]], intents: set[str]) -> None:
    """A slot takes no free text from these intents, unless it asks for one of them itself."""
    wanted: set[str] = set()
    for mapping in mappings:
        if mapping["type"] == "from_intent":
            intent = mapping["intent"]
            wanted.update([intent] if isinstance(intent, str) else intent)
    for mapping in mappings:
        if mapping["type"] == "from_text" and "intent" not in mapping:
            mapping["not_intent"] = sorted(intents | wanted | set(mapping.get("not_intent", [])))


def _form_asked_by(intent: str) -> str:
    return "mood_form" if intent == "ask_check_in" else f"{intent.removeprefix('ask_')}_form"


def _fills(slot: str, form: str, domain: Domain) -> bool:
    return form in domain.form_names and slot in domain.required_slots_for_form(form)
