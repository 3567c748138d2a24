"""What a program can change without touching code: policy and script, read together."""

from dataclasses import dataclass
from pathlib import Path

from escalation.policy import POLICY_FILE, Policy, load_policy
from escalation.speech.script import Script, load_script
from models import Channel


@dataclass(frozen=True)
class Rules:
    """`site` is the address of all pages, without a slash at its end, for the links in texts.

    `texting` is how people who never wrote are reached: real SMS, or the demo's phones.
    """

    policy: Policy
    script: Script
    site: str
    texting: Channel

    @property
    def terms(self) -> str:
        """Where anybody reads the terms, signed in or not."""
        return f"{self.site}/chat/terms/read"

    def link(self, code: int) -> str:
        return f"{self.site}/console/{code}"


def load_rules(public_url: str, texting: Channel, *, policy_file: Path = POLICY_FILE) -> Rules:
    """Raises BadPolicy or BadScript when a file cannot be used."""
    return Rules(load_policy(policy_file), load_script(), public_url.rstrip("/"), texting)
