"""What detection saw in one message: the final interface between detect and decide."""

from dataclasses import dataclass
from enum import StrEnum


class Axis(StrEnum):
    """What a piece of evidence speaks for."""

    CRISIS = "crisis"
    CONNECTION = "connection"
    TOOLS = "tools"
    PERSON = "person"


class YesOrNo(StrEnum):
    YES = "yes"
    NO = "no"


@dataclass(frozen=True)
class Evidence:
    """A span of the message that moved a score.

    `start` and `end` index the original text, so `text[start:end] == quote` always holds.
    `rule` names the phrase rule or the trained head that pointed at it.
    """

    axis: Axis
    start: int
    end: int
    quote: str
    rule: str


@dataclass(frozen=True)
class Signals:
    """What was seen in one message. Scores are probabilities in 0..1.

    The two axes are independent: a message may wish for tools, for a person, for both or
    for neither. `says` is a plain yes or no that is the whole message. `item_nine` is an answer
    above 0 to PHQ-9's last item (thoughts of being better off dead or of self-harm): a crisis by
    itself. `covered` is False for words in a language or script that the detector was not made
    for, of which the scores say little. `version` names the rules and the model that produced
    the scores.
    """

    crisis: float = 0.0
    connection: float = 0.0
    tools: float = 0.0
    asked_for_person: bool = False
    says: YesOrNo | None = None
    item_nine: bool = False
    covered: bool = True
    evidence: tuple[Evidence, ...] = ()
    version: str = "none"
