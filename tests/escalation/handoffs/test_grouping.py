"""Alerts to one person within a minute become one text, and a crisis waits for none."""

from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk

LEE = "+12025550103"
KIT = "+12025550104"


def alerts(talk: Talk, number: str) -> list[str]:
    return [words for words in talk.read_by(number) if "TAKE" in words]


def enrolls_lee_and_kit(talk: Talk) -> None:
    """Nobody mentors them, so whoever is on duty is paged: Noor."""
    talk.enrolls("Lee", LEE)
    talk.enrolls("Kit", KIT)


def test_the_first_alert_goes_at_once_and_the_next_within_the_minute_as_one(talk: Talk) -> None:
    enrolls_lee_and_kit(talk)
    for mentee in (JO, LEE, KIT):
        talk.texts(mentee, ASKS)
        talk.passes(seconds=10)
    assert len(alerts(talk, NOOR)) == 1
    talk.passes(seconds=31)
    assert alerts(talk, NOOR)[1:] == [
        "Warmline bot: Waiting for a person: #{2}, #{3}. TAKE and a code to answer, like TAKE {2}, "
        "or open https://warmline.example/console"
    ]
    talk.texts(NOOR, "TAKE {3}")
    assert talk.handoffs()[2].mentor_id == talk.person(NOOR).id


def test_a_crisis_waits_for_no_other_alert_and_takes_along_what_waits(talk: Talk) -> None:
    enrolls_lee_and_kit(talk)
    for mentee in (JO, LEE):
        talk.texts(mentee, ASKS)
    assert len(alerts(talk, NOOR)) == 1
    talk.texts(MAYA, CRISIS)
    assert "Waiting for a person: #{3} URGENT, #{2}." in alerts(talk, NOOR)[-1]
    assert len(alerts(talk, NOOR)) == 2
    talk.passes(minutes=1)
    assert len(alerts(talk, NOOR)) == 2, "nothing is said twice"


def test_a_second_crisis_joins_for_ten_seconds_at_most(talk: Talk) -> None:
    enrolls_lee_and_kit(talk)
    talk.texts(MAYA, CRISIS)
    for mentee in (JO, LEE):
        talk.passes(seconds=3)
        talk.texts(mentee, CRISIS)
    assert len(alerts(talk, RUTH)) == 1
    talk.passes(seconds=4)
    assert "#{2} URGENT, #{3} URGENT" in alerts(talk, RUTH)[-1]
    talk.passes(seconds=30)
    talk.texts(KIT, CRISIS)
    assert "#{4} URGENT" in alerts(talk, RUTH)[-1], "after a while it goes at once again"


def test_what_was_claimed_while_it_waited_is_not_in_the_text(talk: Talk) -> None:
    enrolls_lee_and_kit(talk)
    for mentee in (JO, LEE):
        talk.texts(mentee, ASKS)
    talk.passes(seconds=5)
    talk.texts(SAM, "TAKE {2}")
    talk.passes(minutes=1)
    assert len(alerts(talk, NOOR)) == 1
