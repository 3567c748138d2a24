"""The versions of a program's policy, and which one is active.

The newest version is active; a program without versions uses the policy file. Versions never
change, so parsed ones can be cached. A version that this release cannot read is skipped and logged,
because without a policy Warmline could not answer at all.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import SQLCoreOperations

from escalation.policy import Part, Policy
from escalation.policy_file import PolicyProblem, UnreadablePolicy, find_line, read_policy
from escalation.ruleset import Rules
from escalation.speech.i18n import gettext_noop, phrase
from gateway.runtime.database import lock_program
from models import Person, PolicyVersion, Program

log = structlog.get_logger()

LONGEST_POLICY = 60_000
LONGEST_REASON = 500
OF_THE_INSTALLATION = gettext_noop(
    "is the same for all programs on this server and is read at startup; "
    "ask the operator to change it"
)


class CannotActivate(Exception):
    """Says why a policy was not activated, and what to do."""


def check(text: str, file: Policy) -> list[PolicyProblem]:
    """The problems of `text` as a program's policy; empty if it can be activated."""
    if len(text) > LONGEST_POLICY:
        too_long = phrase("the text is longer than {longest:,} characters", longest=LONGEST_POLICY)
        return [PolicyProblem("", too_long, None)]
    try:
        policy = read_policy(text)
    except UnreadablePolicy as unreadable:
        return list(unreadable.problems)
    if policy.bot.timeout_seconds != file.bot.timeout_seconds:
        line = find_line(text, ("bot", "timeout_seconds"))
        return [PolicyProblem("bot.timeout_seconds", OF_THE_INSTALLATION, line)]
    return []


def warnings(policy: Policy, file: Policy) -> list[str]:
    found: list[str] = []
    for name in ("crisis", "concern"):
        given, measured = getattr(policy.thresholds, name), getattr(file.thresholds, name)
        if given > measured:
            found.append(
                phrase(
                    "thresholds.{name} is {given:g}, above the measured {measured:g}. We will miss "
                    "more messages from people in danger.",
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
                    "ladder.{name} never pages people on duty or managers. If a mentee's mentors "
                    "do not answer, no one will.",
                    name=name,
                )
            )
    return found


@dataclass(frozen=True)
class Draft:
    """A policy to activate. `seen` is the newest version its author saw; None is the file."""

    text: str
    reason: str
    by: Person
    seen: int | None


def activate(
    session: Session, program: Program, draft: Draft, *, file: Policy, now: datetime
) -> PolicyVersion:
    """Activate the draft as the program's policy, starting with the next message.

    No one replaces a version they have not seen. Sending the same draft twice makes one version.

    Raises:
        UnreadablePolicy: the text is not a policy.
        CannotActivate: there is no reason, nothing changed, or a newer version is active.
    """
    text, reason, by = draft.text, draft.reason, draft.by
    if problems := check(text, file):
        raise UnreadablePolicy(problems)
    # So that two tabs cannot both replace the same version.
    lock_program(session, program.id)
    newest = newest_version(session, program.id)
    if newest is not None and newest.content == text and newest.id != draft.seen:
        if newest.by_id == by.id and newest.reason == reason:
            return newest
        raise CannotActivate(
            phrase(
                "{name} has just activated the same text as version {number}.",
                name=newest.by.name,
                number=newest.id,
            )
        )
    if (newest.id if newest else None) != draft.seen:
        assert newest is not None  # versions are never removed
        raise CannotActivate(
            phrase(
                "{name} has just activated version {number}, so yours was not activated. Your text "
                "is below. Compare the two, and activate yours if you still want it.",
                name=newest.by.name,
                number=newest.id,
            )
        )
    if not reason:
        raise CannotActivate(
            gettext_noop("Add a reason for those who read this next year. Nothing was changed.")
        )
    if len(reason) > LONGEST_REASON:
        raise CannotActivate(
            phrase("Keep the reason under {longest} characters.", longest=LONGEST_REASON)
        )
    if newest is not None and newest.content == text:
        raise CannotActivate(gettext_noop("This policy is already active. Nothing would change."))
    version = PolicyVersion(
        program_id=program.id, at=now, by=by, by_id=by.id, reason=reason, content=text
    )
    session.add(version)
    session.flush()
    return version


def newest_version(session: Session, program_id: int) -> PolicyVersion | None:
    return session.scalar(_versions(program_id).limit(1))


def list_versions(session: Session, program_id: int) -> list[PolicyVersion]:
    return list(session.scalars(_versions(program_id)))


def _versions(program_id: int) -> Select[PolicyVersion]:
    of_program = select(PolicyVersion).where(PolicyVersion.program_id == program_id)
    return of_program.order_by(PolicyVersion.id.desc())


def difference(before: str, after: str) -> list[str]:
    """Diff lines; the first character is "+" (added), "-" (removed), " ", or "@"."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++"))]


# --- the active version ---


def newest_version_id(program_id: SQLCoreOperations[int] | int) -> ScalarSelect[int | None]:
    newest = select(func.max(PolicyVersion.id)).where(PolicyVersion.program_id == program_id)
    return newest.scalar_subquery()


class Versions:
    def __init__(self) -> None:
        self._rules: dict[int, Rules] = {}

    def get_rules(
        self, session: Session, program_id: int, file: Rules, *, newest: int | None
    ) -> Rules:
        """`newest`: the id of the program's newest version."""
        if newest is None:
            return file
        if newest not in self._rules:
            policy = policy_in_use(session, program_id, file.policy)
            self._rules[newest] = replace(file, policy=policy)
        return self._rules[newest]


def policy_in_use(session: Session, program_id: int, file: Policy) -> Policy:
    for version in list_versions(session, program_id):
        if policy := _completed_policy(version, file):
            return policy
        log.error("a policy version cannot be read", version=version.id)
    return file


def passed_over(session: Session, program_id: int, file: Policy) -> PolicyVersion | None:
    """The newest version if this release cannot read it, so that an older one is active."""
    newest = newest_version(session, program_id)
    return newest if newest and not _completed_policy(newest, file) else None


def _completed_policy(version: PolicyVersion, file: Policy) -> Policy | None:
    try:
        return Policy.model_validate(_completed(tomllib.loads(version.content), file))
    except (tomllib.TOMLDecodeError, ValidationError):
        return None


def _completed(written: Mapping[str, Any], file: Part) -> dict[str, Any]:
    """`written` with only this release's keys: an earlier version must stay active."""
    whole: dict[str, Any] = {}
    for name in type(file).model_fields:
        shipped = getattr(file, name)
        given = written.get(name, shipped)
        if isinstance(shipped, Part) and isinstance(given, Mapping):
            given = _completed(given, shipped)
        whole[name] = given
    return whole
