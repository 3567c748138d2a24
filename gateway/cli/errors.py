"""Errors that an operator can fix: printed as one line, without a traceback."""

from bot.environment import BotProblem
from escalation.crisis_lines import BadCrisisLines
from escalation.policy import BadPolicy
from escalation.speech.script import BadScript
from gateway.runtime.settings import BadSettings
from gateway.serve import AlreadyServed
from models import BadKey, NoKey, WrongKey

EXPECTED = (
    AlreadyServed,
    BadCrisisLines,
    BadKey,
    BadPolicy,
    BadScript,
    BadSettings,
    BotProblem,
    NoKey,
    WrongKey,
)
