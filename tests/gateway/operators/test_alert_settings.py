"""How a mentor is reached after an alert's text, set by a command."""

from tests.commands import warmline
from tests.line import MAYA, NOOR, Talk


def test_an_operator_sets_a_mentors_channels_and_address(local: Talk) -> None:
    set_both = warmline("alerts", NOOR, "--channels", "voice, email", "--email", "noor@x.example")
    assert set_both.output.startswith("Noor: voice,email; e-mail: yes.\n")
    noor = local.person(NOOR)
    assert (noor.alert_channels, noor.email) == ("voice,email", "noor@x.example")
    assert "the policy's order; e-mail: yes" in warmline("alerts", NOOR, "--channels", "").output
    for wrong in (
        ("--channels", "pigeon"),
        ("--channels", "voice,voice"),
        ("--email", "noor"),
        ("--email", "a b@x.example"),
    ):
        assert warmline("alerts", NOOR, *wrong).exit_code == 2, wrong
    assert warmline("alerts", MAYA, "--channels", "voice").exit_code == 2
    assert local.person(NOOR).email == "noor@x.example"
