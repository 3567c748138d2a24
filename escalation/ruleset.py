"""What a program can change without code: policy and script."""

from dataclasses import dataclass
from pathlib import Path

from escalation.policy import Policy
from escalation.policy_file import POLICY_FILE, load_policy
from escalation.speech.script import Script, load_script
from models import Channel


@dataclass(frozen=True)
class Rules:
    """`site`: the address of the pages, without a final slash, for links in texts.

    `texting`: the channel for people who never wrote: SMS, or the demo's phones.
    """

    policy: Policy
    script: Script
    site: str
    texting: Channel

    @property
    def terms(self) -> str:
        """The terms, readable without signing in."""
        return f"{self.site}/chat/terms/read"

    def link(self, code: str) -> str:
        """The handoff that the signed-in reader knows by `code`. Its number would be a count."""
        return f"{self.site}/console/to/{code}"


def load_rules(public_url: str, texting: Channel, *, policy_file: Path = POLICY_FILE) -> Rules:
    """Raises BadPolicy or BadScript when a file cannot be used."""
    return Rules(load_policy(policy_file), load_script(), public_url.rstrip("/"), texting)
