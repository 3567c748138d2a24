"""Names are compared as people type them, and nobody is named like the bot."""

from types import SimpleNamespace

from escalation.speech.names import fold_name, is_like_the_bot, with_name

LIKE_THE_BOT = [
    *(
        "Warmline bot",
        "Warmline",
        "W4rmline",
        "WARM LINE",
        "warm-line",
        "W\u0430rmlin\u0435",
        "Warm1ine",
    ),
    *(
        "bot",
        "B.O.T",
        "b o t",
        "b0t",
        "\uff22\uff4f\uff54",
        "ʙᴏᴛ",
        "Bot Sam",
        "Sam (bot)",
        "chatbot",
        "robot",
    ),
    *("Support", "SUPP0RT", "crisis line", "Crisisline", "Cris1s", "Lifeline", "988", "The Team"),
    *("Harbor Mentoring", "harb0r mentoring", "HarborMentoring", "Soporte", "Admin"),
]
PEOPLE = [
    *("Sam", "Noor", "Ruth", "Maya", "Jo", "Talbot", "Abbot", "Hope", "Ai", "Star", "Crispin"),
    *("Theresa", "Boto", "O'Brien", "María", "José Luis", "林", "Олег", "Will", "Adeline"),
    *("Madeline", "Caroline", "Harper", "Marina", "Teamu", "Nine"),
]


def test_names_like_the_bots_are_found_in_any_disguise_and_peoples_names_are_not() -> None:
    assert [name for name in LIKE_THE_BOT if not is_like_the_bot(name, "Harbor Mentoring")] == []
    assert [name for name in PEOPLE if is_like_the_bot(name, "Harbor Mentoring")] == []


def test_a_name_is_the_same_with_another_accent_apostrophe_case_or_invisible_character() -> None:
    for enrolled, typed in (
        ("D'Andre", "D\u2019Andre"),
        ("D'Andre", "d`andr\u00e9"),
        ("Ka\u02bbiulani", "Ka'iulani"),
        ("Ren\u00e9e", "Renee"),
        ("Ren\u00e9e", "RENE\u0301E"),
        ("Sam", "Sam\u200b"),
        ("Sam", "\ufeffSam\u00a0"),
        ("Anne-Marie", "Anne\u2011Marie"),
        ("Mary Ann", "mary  ann"),
        ("Wei\u00df", "WEISS"),
        ("S\u00f8ren", "Soren"),
        ("\u0141ukasz", "Lukasz"),
        ("\uff2d\uff41\uff59\uff41", "Maya"),
    ):
        assert fold_name(enrolled) == fold_name(typed), (enrolled, typed)
    for one, other in (
        ("Sam", "Sami"),
        ("\u0938\u0941\u092e\u093f", "\u0938\u092e"),
        ("Jo", "J o"),
    ):
        assert fold_name(one) != fold_name(other), (one, other)


def test_the_exact_spelling_wins_over_a_folded_one() -> None:
    zoe, zoe_with_accent, sam = (SimpleNamespace(name=name) for name in ("Zoe", "Zo\u00eb", "Sam"))
    both = [zoe, zoe_with_accent, sam]
    assert with_name("zoe", both) == [zoe]
    assert with_name("ZOE\u0308", both) == [zoe_with_accent]
    assert with_name("zoe", [zoe_with_accent, sam]) == [zoe_with_accent]
    assert with_name("Zo\u00e9", both) == [zoe, zoe_with_accent]
    assert with_name("Noor", both) == []
