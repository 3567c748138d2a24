"""What the bot must not claim, and that no text of ours does."""

import ast
import tomllib
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from escalation.speech.guard import Kind, claims, load_guard
from escalation.speech.guard_errors import errors
from escalation.speech.script import SCRIPT_FILE

ROOT = Path(__file__).parents[3]


def templates() -> dict[str, str]:
    """Every text that can go out, by its place. Each variant of Rasa's counts."""
    found = {f"script.toml {key}": line["text"] for key, line in _script().items()}
    for file in sorted((ROOT / "bot" / "domain").glob("*.yml")):
        responses = yaml.safe_load(file.read_text("utf-8")).get("responses") or {}
        for name, variants in responses.items():
            for number, variant in enumerate(variants):
                if "text" in variant:
                    found[f"{file.name} {name} {number}"] = variant["text"]
    return found


def _script() -> dict[str, dict[str, str]]:
    return tomllib.loads(SCRIPT_FILE.read_text("utf-8"))


def test_no_template_claims_what_a_program_cannot() -> None:
    found = {place: claims(text) for place, text in templates().items()}
    assert {place: claimed for place, claimed in found.items() if claimed} == {}


def test_on_the_list_at_most_three_in_a_hundred_are_wrong() -> None:
    found = errors()
    assert found.of_forbidden >= 250
    assert found.of_allowed >= 250
    assert found.missed_share <= 0.03, found.missed
    assert found.blocked_share <= 0.03, found.blocked


def test_on_the_list_not_used_for_tuning_it_is_no_worse_than_at_first() -> None:
    """24.0 % and 6.0 % at first. We did not use the list to improve the rules."""
    found = errors("_later")
    assert found.of_forbidden >= 100
    assert found.of_allowed >= 100
    assert found.missed_share <= 0.2404, found.missed
    assert found.blocked_share <= 0.06, found.blocked


CLAIMED = [
    ("That is hard. I\u2019m so sad for you, Maya.", Kind.FEELING, "I\u2019m so sad"),
    ("OK. I care about you.", Kind.CARE, "I care"),
    ("im worried abt u", Kind.WORRY, "im worried"),
    ("I'll always be your friend.", Kind.FRIENDSHIP, "I'll always be your friend"),
    ("Sure, I'm a real person!", Kind.HUMANITY, "I'm a real person"),
    ("Write any time, I'm here for you.", Kind.WATCHING, "I'm here"),
    ("I've been thinking about you.", Kind.MEMORY_OF_CARING, "I've been thinking about you"),
    ("I won't tell anyone.", Kind.PROMISE, "I won't tell"),
    ("I baked you a cake.", Kind.FIRST_PERSON, "I baked"),
    ("Good night \N{HEAVY BLACK HEART}", Kind.FEELING, "\N{HEAVY BLACK HEART}"),
]


def test_a_claim_names_its_kind_and_quotes_the_text() -> None:
    wrong = [
        (text, claims(text))
        for text, kind, span in CLAIMED
        if (kind, span) not in [(claim.kind, claim.span) for claim in claims(text)]
    ]
    assert not wrong


CLOSE_PAIRS = [
    ("I care about you.", "I cannot care about you."),
    ("I'm not a robot.", "I'm not a person."),
    ("I can't stop worrying about you.", "I can't worry about you."),
    ("I'm not just a program, I'm your friend.", "I'm just a program, not your friend."),
    ("I won't tell anyone.", "I can't keep it from the program."),
    ("Everything will be fine.", "Nobody can say that everything will be fine."),
    ("It gets better.", "It gets easier with practice."),
    ("I love you.", "You could write: I love you."),
    ("I say it gladly: 'I love you'", "Your text may be: 'I love you'"),
    ("We are here for you.", "Who is there for you?"),
    ("You're safe now.", "Are you safe right now?"),
    ("I am a bot, but I love you.", "I am a bot and cannot love you."),
]


def test_close_pairs_are_told_apart() -> None:
    assert not [says_it for says_it, _ in CLOSE_PAIRS if not claims(says_it)]
    assert not [does_not for _, does_not in CLOSE_PAIRS if claims(does_not)]


def test_a_name_or_number_in_a_blank_is_no_claim() -> None:
    assert claims("I have asked {mentor} to write to you here.") == ()


# Without a deadline: the first example compiles the rules.
@settings(deadline=None)
@given(
    st.text(alphabet=st.sampled_from("Ii'\u2019lovey uam.,:?! \"n❤ﬁİ\n{}")) | st.text(max_size=80)
)
def test_a_span_is_part_of_any_text(text: str) -> None:
    for claim in claims(text):
        assert claim.span
        assert claim.span in text


def test_every_kind_has_its_rules() -> None:
    assert {rule.kind for rule in load_guard().claims} == set(Kind) - {Kind.FIRST_PERSON}


def test_the_bots_messages_are_written_in_one_function_only() -> None:
    """`message_writer._write` guards what it writes; nothing else creates outgoing rows."""
    makers = []
    for package in ("escalation", "gateway", "models", "bot"):
        for file in (ROOT / package).glob("**/*.py"):
            if ".venv" in file.parts or "migrations" in file.parts:
                continue
            for function in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    makers += [
                        (f"{file.relative_to(ROOT)}:{function.name}", _outgoing(call))
                        for call in ast.walk(function)
                        if isinstance(call, ast.Call) and _makes_message(call)
                    ]
    assert sorted(makers) == [
        ("escalation/speech/message_writer.py:_write", True),
        ("gateway/handoffs/first_messages.py:note_draft", False),
        ("gateway/messaging/inbox.py:_insert", False),
    ]


def _makes_message(call: ast.Call) -> bool:
    """Message(...), insert(Message), bulk inserts of it, however it is reached."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    inserts = name in ("insert", "bulk_insert_mappings", "bulk_save_objects", "merge")
    first = call.args[0] if call.args else None
    return name == "Message" or (inserts and getattr(first, "id", "") == "Message")


def _outgoing(call: ast.Call) -> bool:
    [outgoing] = [word.value for word in call.keywords if word.arg == "outgoing"]
    return ast.literal_eval(outgoing) is True


# None makes the bot say something of its own. One adds a code to an alert for staff that waits to
# be sent, with the script's words; one removes a sign-in code from its text; two move words out of
# a thread into a safeguarding record: a mentee's CONCERN, which the mentor it is about must not
# read, and a RECORD of staff.
CHANGE_WORDS = [
    "escalation/handoffs/alerts/grouping.py",
    "gateway/messaging/sealed_codes.py",
    "gateway/pipeline/mentor/safeguarding.py",
    "gateway/safeguarding/concern_by_text.py",
]
# Columns of the same name in other tables.
OTHER_ROWS = {"debrief", "record"}


def test_nothing_changes_the_words_of_a_message_once_written() -> None:
    changed = {
        str(file.relative_to(ROOT))
        for package in ("escalation", "gateway", "models")
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and target.attr == "words" and _is_row(target)
    }
    assert sorted(changed) == CHANGE_WORDS


def _is_row(target: ast.Attribute) -> bool:
    return getattr(target.value, "id", "") not in {"self", *OTHER_ROWS}
