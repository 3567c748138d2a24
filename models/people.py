"""Programs, their people and matches, consent, and everything for signing in."""

from datetime import datetime, time
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, UtcDateTime, enum_column, partial_index
from models.encryption.ownership import Encrypted, key_column


class Role(StrEnum):
    """A manager is a mentor who sees every handoff of the program."""

    MENTEE = "mentee"
    MENTOR = "mentor"
    MANAGER = "manager"


class MatchKind(StrEnum):
    OWN = "own"
    BACK_UP = "back_up"


class AlertChannel(StrEnum):
    SMS = "sms"
    VOICE = "voice"
    EMAIL = "email"


class Program(Base):
    """A mentoring program.

    `opens_at` is included, `closes_at` is not; both are local. Equal times mean round the clock.
    """

    __tablename__ = "program"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80), unique=True)
    phone: Mapped[str | None] = mapped_column(
        sa.String(20), unique=True, comment="The number people text, E.164"
    )
    timezone: Mapped[str] = mapped_column(sa.String(64))
    opens_at: Mapped[time]
    closes_at: Mapped[time]


# An `unreachable_code` of ours: someone texted that this number is not the person's.
WRONG_NUMBER = "wrong_number"


class Person(Base):
    """A mentee, mentor, or manager. `name` is the first name that others read."""

    __tablename__ = "person"
    has_own_key = True
    __table_args__ = (
        sa.CheckConstraint("(phone IS NULL) = (phone_index IS NULL)", name="phone_has_index"),
        sa.CheckConstraint("NOT on_duty OR role <> 'mentee'", name="no_mentee_on_duty"),
        # The few whom a handoff may page, among thousands of mentees.
        partial_index("person_staff", "program_id", where="role <> 'mentee'"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"), index=True)
    key_id: Mapped[str] = key_column()
    role: Mapped[Role] = mapped_column(enum_column(Role))
    name: Mapped[str] = mapped_column(Encrypted)
    phone: Mapped[str | None] = mapped_column(Encrypted)
    phone_index: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    timezone: Mapped[str] = mapped_column(sa.String(64))
    on_duty: Mapped[bool] = mapped_column(default=False)
    password_hash: Mapped[str | None] = mapped_column(sa.String(256))
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opted_out_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="When they texted STOP, or the carrier reported it (21610)"
    )
    language: Mapped[str] = mapped_column(
        sa.String(8), default="en", server_default="en", comment="BCP 47"
    )
    shares_whole: Mapped[bool] = mapped_column(
        default=True,
        server_default=sa.true(),
        comment="If false, the claiming mentor reads from the request on, except in a crisis",
    )
    left_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="When they left the program"
    )
    erased_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, comment="When their data was erased"
    )
    unreachable_code: Mapped[str | None] = mapped_column(
        sa.String(16), comment="The provider's error code for this number, or wrong_number"
    )
    shares_phone_with_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("person.id"),
        comment="Whose phone this mentee uses, without a number",
    )
    email: Mapped[str | None] = mapped_column(Encrypted, comment="For alerts, without content")
    alert_channels: Mapped[str | None] = mapped_column(
        sa.String(24), comment="Their own order, like voice,sms; null for the policy's"
    )

    shares_phone_with: Mapped["Person | None"] = relationship(remote_side=id)
    program: Mapped[Program] = relationship(lazy="joined")

    @property
    def own_channels(self) -> list[AlertChannel]:
        return [AlertChannel(name) for name in (self.alert_channels or "").split(",") if name]

    def can_be_reached_by(self, channel: AlertChannel) -> bool:
        """Whether we may try. STOP ends calls, too; a number that takes no texts may be called."""
        if channel is AlertChannel.SMS:
            return self.can_be_texted
        if channel is AlertChannel.EMAIL:
            return self.email is not None
        return self.phone is not None and not self.opted_out_at

    @property
    def can_be_texted(self) -> bool:
        return self.phone is not None and not self.opted_out_at and not self.unreachable_code


# `can_be_texted` in SQL: loading a person decrypts their name.
CAN_BE_TEXTED = (
    Person.phone.is_not(None) & Person.opted_out_at.is_(None) & Person.unreachable_code.is_(None)
)


class Match(Base):
    """A mentee has one own mentor and any number of back-ups."""

    __tablename__ = "match"
    __table_args__ = (
        sa.UniqueConstraint("mentee_id", "mentor_id"),
        partial_index("one_own_mentor", "mentee_id", where="kind = 'own'", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mentee_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    mentor_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    kind: Mapped[MatchKind] = mapped_column(enum_column(MatchKind))

    mentor: Mapped[Person] = relationship(foreign_keys=mentor_id, lazy="raise")


class WebSession(Base):
    """A signed-in browser. We store only a hash of its token.

    `expires_at` moves on while the browser is used, up to `ends_at`. A session that
    `needs_second_factor` opens only the page that asks for it, or the account page of a manager who
    has no password and no passkey yet.
    """

    __tablename__ = "web_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime] = mapped_column(
        UtcDateTime, comment="When they last proved who they are"
    )
    how: Mapped[str] = mapped_column(sa.String(10), comment="password, link, passkey, code, demo")
    needs_second_factor: Mapped[bool] = mapped_column(default=False)
    browser: Mapped[str | None] = mapped_column(
        sa.String(60), comment="For its owner: Firefox on Android"
    )

    person: Mapped[Person] = relationship(lazy="joined")


class KnownDevice(Base):
    """A browser in which a mentor or manager signed in before. It proves nothing by itself."""

    __tablename__ = "known_device"
    __table_args__ = (sa.UniqueConstraint("token_hash", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class OneTimeKey(Base):
    """A link or code that one person can use once. We store only a hash of it.

    `purpose` is chat for a mentee's invitation or code, sign_in for a mentor's or manager's link,
    confirm for the code that they type to prove who they are.
    """

    __tablename__ = "one_time_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    purpose: Mapped[str] = mapped_column(sa.String(20))
    key_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0, comment="Wrong codes entered")

    person: Mapped[Person] = relationship(lazy="joined")


class Passkey(Base):
    """A WebAuthn credential of a mentor or manager."""

    __tablename__ = "passkey"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    credential_id: Mapped[str] = mapped_column(sa.String(1400), unique=True)
    public_key: Mapped[bytes] = mapped_column(sa.LargeBinary)
    sign_count: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(60))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    person: Mapped[Person] = relationship(lazy="joined")


class PasskeyChallenge(Base):
    """What a passkey has to sign. Using it deletes it, so that one answer works once."""

    __tablename__ = "passkey_challenge"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    purpose: Mapped[str] = mapped_column(sa.String(20))
    challenge: Mapped[bytes] = mapped_column(sa.LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class AgeBand(StrEnum):
    """We never ask for an age. The band decides whether a guardian must agree."""

    UNDER_13 = "under_13"
    FROM_13 = "13_to_15"
    FROM_16 = "16_to_17"
    ADULT = "adult"


class Consent(Base):
    """A person's consent to one version of the terms. It no longer counts once withdrawn."""

    __tablename__ = "consent"
    owned_by = ("person_id",)
    __table_args__ = (
        sa.CheckConstraint(
            "(guardian_name IS NULL) = (guardian_agreed_at IS NULL)",
            name="guardian_has_name",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    terms: Mapped[str] = mapped_column(sa.String(20), comment="The version they agreed to")
    age_band: Mapped[AgeBand] = mapped_column(enum_column(AgeBand))
    guardian_name: Mapped[str | None] = mapped_column(Encrypted)
    guardian_agreed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    guardian_recorded_by_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("person.id"), comment="The manager who recorded the agreement"
    )
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    person: Mapped[Person] = relationship(foreign_keys=person_id, lazy="joined")


class RateLimit(Base):
    """Attempts within a time that began with the first one. The key is a keyed hash."""

    __tablename__ = "rate_limit"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    count: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
