"""The versions of a program's policy, and which one it goes by.

The newest version counts for its program's conversations; a program without one goes by the
file. A version is written once and never changed, so what was read of it can be kept. One that
cannot be read any more is passed over, and said to be: a line without a policy answers nobody.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.policy import Part, Policy, PolicyProblem, UnreadablePolicy, find_line, read_policy
from escalation.ruleset import Rules
from escalation.speech.i18n import gettext_noop, phrase
from gateway.runtime.database import lock_program
from models import Person, PolicyVersion, Program

log = structlog.get_logger()

LONGEST_POLICY = 60_000
LONGEST_REASON = 500
OF_THE_INSTALLATION = gettext_noop(
    "is the same for all programs here and is read when the line starts; "
    "ask the operator to change it"
)


class CannotActivate(Exception):
    """A policy that is not taken up. Its text says why, and what to do."""


@dataclass(frozen=True)
class DiffLine:
    """One line of a comparison: "+" was added, "-" taken out, " " stands around it."""

    mark: str
    words: str


def check(text: str, file: Policy) -> list[PolicyProblem]:
    """What is wrong with `text` as a program's policy; empty when it may be taken up."""
    if len(text) > LONGEST_POLICY:
        return [
            PolicyProblem(
                "",
                phrase("the text is longer than {longest:,} characters", longest=LONGEST_POLICY),
                None,
            )
        ]
    try:
        policy = read_policy(text)
    except UnreadablePolicy as unreadable:
        return list(unreadable.problems)
    if policy.bot.timeout_seconds != file.bot.timeout_seconds:
        key = "bot.timeout_seconds"
        return [
            PolicyProblem(key, OF_THE_INSTALLATION, find_line(text, ("bot", "timeout_seconds")))
        ]
    return []


def warnings(policy: Policy, file: Policy) -> list[str]:
    """What is allowed and yet worth a second thought."""
    found: list[str] = []
    for name in ("crisis", "concern"):
        given, measured = getattr(policy.thresholds, name), getattr(file.thresholds, name)
        if given > measured:
            found.append(
                phrase(
                    "thresholds.{name} is {given:g}, above {measured:g}, the one that was "
                    "measured: more messages of people in danger are missed.",
                    name=name,
                    given=given,
                    measured=measured,
                )
            )
    for name in ("routine", "soon", "crisis"):
        ladder = getattr(policy.ladder, name)
        if not any("managers" in rung.page or "duty" in rung.page for rung in ladder.rungs):
            found.append(
                phrase(
                    "ladder.{name} never calls who is on duty or a manager: a mentee without a "
                    "mentor who answers waits for good.",
                    name=name,
                )
            )
    return found


def activate(
    session: Session,
    program: Program,
    text: str,
    *,
    reason: str,
    by: Person,
    instead_of: int | None,
    file: Policy,
    now: datetime,
) -> PolicyVersion:
    """Make `text` the program's policy from its next message on.

    `instead_of` is the version that the author saw, None for the file: a newer one is not
    replaced unseen. The same text sent twice makes one version.

    Raises:
        UnreadablePolicy: the text is no policy.
        CannotActivate: there is no reason, nothing is different, or somebody was faster.
    """
    if problems := check(text, file):
        raise UnreadablePolicy(problems)
    # One writer to a program at a time, so that two tabs do not both replace the same version.
    lock_program(session, program.id)
    newest = newest_version(session, program.id)
    if newest is not None and newest.content == text and newest.id != instead_of:
        if newest.by_id == by.id and newest.reason == reason:
            return newest
        raise CannotActivate(
            phrase(
                "{name} has taken up this very text as version {number} meanwhile.",
                name=newest.by.name,
                number=newest.id,
            )
        )
    if (newest.id if newest else None) != instead_of:
        assert newest is not None  # versions are never taken out
        raise CannotActivate(
            phrase(
                "{name} has taken up version {number} meanwhile, so yours was not. What you "
                "wrote stands below; compare it, and take it up instead if it still holds.",
                name=newest.by.name,
                number=newest.id,
            )
        )
    if not reason:
        raise CannotActivate(
            gettext_noop("Say why, for those who read this in a year. Nothing was changed yet.")
        )
    if len(reason) > LONGEST_REASON:
        raise CannotActivate(
            phrase("Keep the reason under {longest} characters.", longest=LONGEST_REASON)
        )
    if newest is not None and newest.content == text:
        raise CannotActivate(gettext_noop("This is the policy in use. Nothing would change."))
    version = PolicyVersion(
        program_id=program.id, at=now, by=by, by_id=by.id, reason=reason, content=text
    )
    session.add(version)
    session.flush()
    return version


def newest_version(session: Session, program_id: int) -> PolicyVersion | None:
    return session.scalar(
        select(PolicyVersion)
        .where(PolicyVersion.program_id == program_id)
        .order_by(PolicyVersion.id.desc())
        .limit(1)
    )


def list_versions(session: Session, program_id: int) -> list[PolicyVersion]:
    """The latest first."""
    return list(
        session.scalars(
            select(PolicyVersion)
            .where(PolicyVersion.program_id == program_id)
            .order_by(PolicyVersion.id.desc())
        )
    )


def difference(before: str, after: str) -> list[DiffLine]:
    """What changed from one text to the other, with three lines around each change."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return [DiffLine(line[:1], line[1:]) for line in lines if not line.startswith(("---", "+++"))]


# --- which one counts ---


class Versions:
    """What was read of versions so far, so that each is read once in a process."""

    def __init__(self) -> None:
        self._rules: dict[int, Rules | None] = {}

    def get_rules(self, session: Session, program_id: int, file: Rules) -> Rules:
        """The rules a program goes by now: one look at the newest version's number."""
        newest = session.scalar(
            select(func.max(PolicyVersion.id)).where(PolicyVersion.program_id == program_id)
        )
        if newest is None:
            return file
        if newest not in self._rules:
            self._rules[newest] = _newest_readable(session, program_id, file)
        return self._rules[newest] or file


def policy_in_use(session: Session, program_id: int, file: Policy) -> Policy:
    """The policy a program goes by now, for a command that asks once."""
    for _, policy in _readable(session, program_id, file):
        return policy
    return file


def passed_over(session: Session, program_id: int, file: Policy) -> PolicyVersion | None:
    """The newest version, if it cannot be read any more and an older one counts instead."""
    newest = newest_version(session, program_id)
    if newest is None or _completed_policy(newest, file) is not None:
        return None
    return newest


def _newest_readable(session: Session, program_id: int, file: Rules) -> Rules | None:
    for _, policy in _readable(session, program_id, file.policy):
        return replace(file, policy=policy)
    return None


def _readable(
    session: Session, program_id: int, file: Policy
) -> Iterator[tuple[PolicyVersion, Policy]]:
    for version in list_versions(session, program_id):
        policy = _completed_policy(version, file)
        if policy is not None:
            yield version, policy
        else:
            log.error("a policy version cannot be read", version=version.id)


def _completed_policy(version: PolicyVersion, file: Policy) -> Policy | None:
    try:
        written = tomllib.loads(version.content)
        return Policy.model_validate(_completed(written, file))
    except (tomllib.TOMLDecodeError, ValidationError):
        return None


def _completed(written: Mapping[str, Any], file: Part) -> dict[str, Any]:
    """`written`, with what it lacks taken from the file, and without what no policy has any more.

    A version that was taken up before this release must not fall away as a whole for a line that
    came with it.
    """
    whole: dict[str, Any] = {}
    for name in type(file).model_fields:
        shipped = getattr(file, name)
        given = written.get(name, shipped)
        if isinstance(shipped, Part) and isinstance(given, Mapping):
            given = _completed(given, shipped)
        whole[name] = given
    return whole
