"""Nobody is named like the bot, a crisis line, or the program."""

from escalation.speech.names import is_like_the_bot

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
