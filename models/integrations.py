"""Tokens for the REST API, and webhooks with their deliveries."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Json, JsonDict, UtcDateTime, enum_column, partial_index
from models.encryption.ownership import Encrypted
from models.people import Program


class DeliveryFailure(StrEnum):
    NOT_PUBLIC = "not_public"  # a private address, or this machine
    NO_SUCH_NAME = "no_such_name"
    NOT_TRUSTED = "not_trusted"  # an invalid certificate
    TOO_SLOW = "too_slow"
    UNREACHABLE = "unreachable"


class ApiToken(Base):
    """A program's API token. We store only its hash. `scopes` are separated by spaces."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(60))
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    scopes: Mapped[str] = mapped_column(sa.String(200))
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    program: Mapped[Program] = relationship(lazy="joined")


class Webhook(Base):
    """An address to which we post handoff events, signed with `secret`."""

    __tablename__ = "webhook"

    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(sa.ForeignKey("program.id"), index=True)
    url: Mapped[str] = mapped_column(sa.String(500))
    secret: Mapped[str] = mapped_column(Encrypted)
    by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WebhookDelivery(Base):
    """One event for one webhook. `payload` holds row numbers and times, no message text."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        sa.UniqueConstraint("webhook_id", "event_id"),
        partial_index("webhook_delivery_due", "next_try_at", where="next_try_at IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(sa.ForeignKey("webhook.id"))
    event_id: Mapped[int] = mapped_column(sa.ForeignKey("handoff_event.id"))
    payload: Mapped[JsonDict] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[int | None] = mapped_column(
        comment="The last HTTP status; null without an answer"
    )
    failure: Mapped[DeliveryFailure | None] = mapped_column(
        enum_column(DeliveryFailure), comment="Why the last try had no answer"
    )
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
