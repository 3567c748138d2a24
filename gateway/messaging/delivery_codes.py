"""What each error code of Twilio means, and what Warmline does about it.

Source: https://www.twilio.com/docs/api/errors. The meaning is what an operator reads.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Literal


class Act(Enum):
    """What helps when a text failed with a code."""

    ONCE = "try once more, then the next person or channel"
    BACK_OFF = "try again, at growing intervals, until policy.toml's give_up_after_minutes"
    GIVE_UP = "the next person or channel: the same text would fail again"


@dataclass(frozen=True)
class Code:
    """`throttle`: for so long, texts that are not about a crisis wait."""

    meaning: str
    act: Act
    marks: Literal["stopped", "bad_number"] | None = None
    alarm: bool = False
    throttle: timedelta = timedelta(0)


CODES = {
    # Twilio refuses the request.
    "20003": Code(
        "Twilio refuses our account SID or token, or the account is closed.",
        Act.BACK_OFF,
        alarm=True,
    ),
    "20429": Code(
        "Twilio got too many requests at once.", Act.BACK_OFF, throttle=timedelta(seconds=10)
    ),
    "21211": Code("The number is not a valid phone number.", Act.GIVE_UP, "bad_number"),
    "21214": Code("The number cannot be reached.", Act.GIVE_UP, "bad_number"),
    "21217": Code("The number is not a valid phone number.", Act.GIVE_UP, "bad_number"),
    "21408": Code(
        "The Twilio account may not text numbers in this country. Allow it in the Twilio console, "
        "under Messaging, Geo permissions.",
        Act.GIVE_UP,
        alarm=True,
    ),
    "21610": Code("The person texted STOP to this number.", Act.GIVE_UP, "stopped"),
    "21611": Code(
        "Too many of our texts wait at Twilio.", Act.BACK_OFF, throttle=timedelta(minutes=1)
    ),
    "21612": Code("Twilio has no route from our number to this one.", Act.GIVE_UP, alarm=True),
    "21614": Code("The number is not a mobile number.", Act.GIVE_UP, "bad_number"),
    "21617": Code("The text is longer than 1,600 characters.", Act.GIVE_UP),
    # Twilio took the text, and reports later that it did not arrive.
    "30001": Code("Twilio's queue for our number is full.", Act.BACK_OFF),
    "30002": Code(
        "Twilio suspended the account, so no text is sent. Look into the Twilio console at once.",
        Act.GIVE_UP,
        alarm=True,
    ),
    "30003": Code("The phone is off or has no signal.", Act.ONCE),
    "30004": Code(
        "The person's phone or carrier blocks our texts. Ask them to unblock the number.",
        Act.GIVE_UP,
        alarm=True,
    ),
    "30005": Code("The number does not exist, or no longer.", Act.GIVE_UP, "bad_number"),
    "30006": Code("The number is a landline or cannot get texts.", Act.GIVE_UP, "bad_number"),
    "30007": Code(
        "A carrier filtered the text as unwanted. Check the registration of our number, and what "
        "its texts look like.",
        Act.GIVE_UP,
        alarm=True,
    ),
    "30008": Code("The carrier does not say why it failed.", Act.ONCE),
    "30022": Code(
        "We sent more texts a second than our 10DLC registration allows.",
        Act.BACK_OFF,
        throttle=timedelta(seconds=30),
    ),
    "30023": Code(
        "We sent more texts today than our 10DLC registration allows.",
        Act.BACK_OFF,
        alarm=True,
        throttle=timedelta(hours=1),
    ),
    "30032": Code(
        "Our toll-free number is not verified, so carriers block its texts. Verify it in the "
        "Twilio console.",
        Act.GIVE_UP,
        alarm=True,
    ),
    "30034": Code(
        "Our number is not registered for 10DLC, so carriers block its texts. Register the brand "
        "and the campaign in the Twilio console.",
        Act.GIVE_UP,
        alarm=True,
    ),
    "30036": Code("The text waited at Twilio for longer than we allow.", Act.GIVE_UP),
    "30410": Code("The carrier did not answer Twilio in time.", Act.BACK_OFF),
    "63016": Code(
        "WhatsApp takes free text only within 24 hours after the person wrote.", Act.GIVE_UP
    ),
}
# Without an answer, or with a code that we do not know, Twilio may take the text a moment later.
NOT_TAKEN = Code("Twilio did not take the text.", Act.BACK_OFF)
NOT_DELIVERED = Code("The text did not arrive, and Twilio's code is not known here.", Act.GIVE_UP)
THROTTLES = {name: code.throttle for name, code in CODES.items() if code.throttle}


def get_code(name: str | None, *, taken: bool) -> Code:
    """`taken`: Twilio had accepted the text, and reported the code later."""
    return CODES.get(name or "", NOT_DELIVERED if taken else NOT_TAKEN)
