"""The signals in one message: the interface between detect and decide."""

from dataclasses import dataclass
from enum import StrEnum

from models import Danger


class Axis(StrEnum):
    """What a piece of evidence is about."""

    CRISIS = "crisis"
    CONNECTION = "connection"
    TOOLS = "tools"
    PERSON = "person"


class YesOrNo(StrEnum):
    YES = "yes"
    NO = "no"


@dataclass(frozen=True)
class Evidence:
    """A span of the message that changed a score: `text[start:end] == quote`.

    `rule` names the phrase rule or the classifier that found it.
    """

    axis: Axis
    start: int
    end: int
    quote: str
    rule: str


@dataclass(frozen=True)
class Signals:
    """The signals in one message. Scores are independent probabilities in 0..1.

    declines_person: says that no person is wanted.
    takes_back: the whole message takes back what was asked for ("nvm").
    says: the whole message is a plain yes or no.
    item_nine: an answer above 0 to PHQ-9's last item (thoughts of being better off dead or of
        self-harm), which is a crisis by itself.
    danger: what kind of danger the strongest rule found; None if only a classifier found it.
    covered: False for languages and scripts that detection was not built for; scores mean little.
    version: the rules and the model that produced the scores.
    """

    crisis: float = 0.0
    connection: float = 0.0
    tools: float = 0.0
    asked_for_person: bool = False
    declines_person: bool = False
    takes_back: bool = False
    says: YesOrNo | None = None
    item_nine: bool = False
    danger: Danger | None = None
    covered: bool = True
    evidence: tuple[Evidence, ...] = ()
    version: str = "none"
