"""The policy: its parts, and what must hold between them."""

import re
from datetime import time, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from escalation.check_ins.scales import SCALES, CutOffs, Scale
from escalation.speech.names import NamesMentee
from models import AlertChannel, Urgency

Probability = Annotated[float, Field(ge=0, le=1)]
Minutes = Annotated[float, Field(gt=0)]
Seconds = Annotated[int, Field(ge=10, le=3600)]
Group = Literal["own", "back_up", "duty", "managers"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Thresholds(Part):
    crisis: Probability
    concern: Probability
    connection: Probability
    offer: Probability
    tools: Probability

    @model_validator(mode="after")
    def weak_evidence_comes_first(self) -> "Thresholds":
        if self.concern > self.crisis:
            raise ValueError("thresholds.concern must not be above thresholds.crisis")
        if self.offer > self.connection:
            raise ValueError("thresholds.offer must not be above thresholds.connection")
        return self


class BotPatience(Part):
    timeout_seconds: Annotated[float, Field(gt=0, le=10)]
    stuck_after: Annotated[int, Field(ge=1)]
    skills_by_name: tuple[str, ...]
    calming_words: tuple[str, ...]

    def names_calming(self, words: str) -> bool:
        return not set(self.calming_words).isdisjoint(re.findall(r"\w+", words.casefold()))

    def names_a_skill(self, words: str) -> bool:
        return any(name in words.casefold() for name in self.skills_by_name)


class Repeat(Part):
    bot_away_minutes: Minutes
    still_waiting_minutes: Minutes
    unknown_number_minutes: Minutes
    new_message_minutes: Minutes


class Bursts(Part):
    within_seconds: Annotated[float, Field(ge=1, le=120)]
    most_texts: Annotated[int, Field(ge=2, le=10)]
    parts_within_seconds: Annotated[float, Field(ge=10, le=3600)]


class Offer(Part):
    answer_within_minutes: Minutes
    again_after_hours: Annotated[float, Field(gt=0)]


class Disclosure(Part):
    again_after_idle_days: Annotated[float, Field(gt=0)]
    again_every_hours: Annotated[float, Field(gt=0)]


class AnswerWithin(Part):
    routine: Minutes
    soon: Minutes
    crisis: Minutes

    def at(self, urgency: Urgency) -> timedelta:
        minutes: float = getattr(self, urgency.name.lower())
        return timedelta(minutes=minutes)


class ReplyWithin(AnswerWithin):
    routine: Annotated[float, Field(ge=15, le=2880)]
    soon: Annotated[float, Field(ge=5, le=480)]
    crisis: Annotated[float, Field(ge=1, le=15)]


class Claim(Part):
    answer_within_minutes: AnswerWithin
    reply_within_minutes: ReplyWithin
    reply_waits_for_opening: tuple[Literal["routine", "soon"], ...]
    page_again_after_minutes: Annotated[float, Field(ge=1, le=60)]


class ByUrgency(Part):
    """The channels after the text, in order. A text always goes."""

    routine: tuple[AlertChannel, ...]
    soon: tuple[AlertChannel, ...]
    crisis: tuple[AlertChannel, ...]

    def at(self, urgency: Urgency) -> tuple[AlertChannel, ...]:
        channels: tuple[AlertChannel, ...] = getattr(self, urgency.name.lower())
        return channels


class SecondsByUrgency(Part):
    routine: Seconds
    soon: Seconds
    crisis: Seconds

    def at(self, urgency: Urgency) -> timedelta:
        seconds: int = getattr(self, urgency.name.lower())
        return timedelta(seconds=seconds)


class AlertTimes(Part):
    delivered_within_minutes: Minutes
    give_up_after_minutes: Minutes
    valid_minutes: AnswerWithin
    channels: ByUrgency
    next_channel_seconds: SecondsByUrgency
    names_mentee: NamesMentee = "initial"
    together_seconds: Annotated[int, Field(ge=0, le=300)]
    crises_together_seconds: Annotated[int, Field(ge=0, le=30)]
    least_staff: Annotated[int, Field(ge=1, le=50)]

    @model_validator(mode="after")
    def valid_as_long_as_twilio_allows(self) -> "AlertTimes":
        for name, minutes in self.valid_minutes:
            if not 1 <= minutes <= 600:
                raise ValueError(f"alert.valid_minutes.{name} must be from 1 to 600")
        return self


class PaidTexts(Part):
    per_unknown_number_a_day: Annotated[int, Field(ge=1, le=20)]
    per_person_an_hour: Annotated[int, Field(ge=30, le=1000)]
    per_program_a_day: Annotated[int, Field(ge=100)]
    unknown_numbers_alert_seconds: Annotated[int, Field(ge=10, le=300)]


class Relay(Part):
    mentor_sms: Literal["link", "words"]


class SchedulePolicy(Part):
    """Quiet hours are in the mentee's time zone; their end is exclusive."""

    quiet_from: time
    quiet_until: time
    remind_after_minutes: Minutes
    missed_after_minutes: Minutes
    too_late_after_minutes: Minutes
    exercise_lasts_minutes: Minutes
    missed_shown_days: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def reminded_before_missed(self) -> "SchedulePolicy":
        if self.remind_after_minutes >= self.missed_after_minutes:
            raise ValueError(
                "schedule.remind_after_minutes must be below schedule.missed_after_minutes"
            )
        return self


class Review(Part):
    weekly_sample: Annotated[int, Field(ge=0, le=100)]
    needed_at_least: Annotated[float, Field(gt=0, lt=1)]


class ReliancePolicy(Part):
    """The night is in the mentee's time zone; its end is exclusive."""

    at_least_messages: Annotated[int, Field(ge=1)]
    days_a_week: Annotated[int, Field(ge=1, le=7)]
    night_from: time
    night_until: time
    night_share: Annotated[float, Field(gt=0, le=1)]
    bot_share: Annotated[float, Field(gt=0, le=1)]
    contact_at_least: Annotated[int, Field(ge=1)]
    contact_fell_to: Annotated[float, Field(ge=0, lt=1)]
    signs_needed: Annotated[int, Field(ge=1, le=4)]
    nudge_every_days: Annotated[float, Field(ge=1)]


class Targets(Part):
    """Targets in the managers' reports. They trigger nothing."""

    first_alert_minutes: AnswerWithin
    claim_minutes: AnswerWithin
    first_reply_minutes: AnswerWithin
    inactive_after_days: Annotated[int, Field(ge=1)]

    def within(self, urgency: Urgency) -> dict[str, timedelta]:
        """Keys: first_alert, claim, first_reply."""
        return {
            "first_alert": self.first_alert_minutes.at(urgency),
            "claim": self.claim_minutes.at(urgency),
            "first_reply": self.first_reply_minutes.at(urgency),
        }


class ConsentPolicy(Part):
    """Below `guardian_below`, in years, a guardian must agree as well."""

    guardian_below: Literal[0, 13, 16, 18]
    by_text: Literal["enrollment", "asked"] = "enrollment"


class SafeguardingPolicy(Part):
    due_hours: Annotated[float, Field(gt=0, le=168)]
    told_again_after_hours: Annotated[float, Field(gt=0, le=168)]


class FollowUpPolicy(Part):
    """Questions after a handoff, counted from its end."""

    after_minutes: Minutes
    too_late_after_hours: Annotated[float, Field(gt=0)]
    answer_within_hours: Annotated[float, Field(gt=0)]


class PersonalDataPolicy(Part):
    erase_after_days: Annotated[float, Field(ge=0, le=30)]


class RetentionPolicy(Part):
    """Days after which each class of data is deleted."""

    messages_days: Annotated[int, Field(ge=30, le=3650)]
    strangers_days: Annotated[int, Field(ge=7, le=730)]
    check_ins_days: Annotated[int, Field(ge=30, le=3650)]
    decisions_days: Annotated[int, Field(ge=30, le=3650)]
    left_days: Annotated[int, Field(ge=0, le=3650)]
    safeguarding_days: Annotated[int, Field(ge=365, le=36500)]
    audit_days: Annotated[int, Field(ge=365, le=36500)]
    provider_copies_days: Annotated[int, Field(ge=0, le=400)]

    @model_validator(mode="after")
    def nothing_outlives_its_message(self) -> "RetentionPolicy":
        for name in ("check_ins_days", "decisions_days"):
            if getattr(self, name) > self.messages_days:
                raise ValueError(f"retention.{name} must not be above retention.messages_days")
        return self


class MentorsPolicy(Part):
    cool_down_hours: Annotated[float, Field(ge=0, le=168)]
    most_held: Annotated[int, Field(ge=1)]
    most_crises_a_week: Annotated[int, Field(ge=1)]
    away_ends_at: time
    transfer_within_minutes: AnswerWithin
    # At 10 tries an hour, a forger needs more than seven months on average for one of 109,095
    # codes.
    wrong_codes_an_hour: Annotated[int, Field(ge=3, le=10)]
    debrief_open_days: Annotated[float, Field(gt=0)]


class ChatPolicy(Part):
    unseen_minutes: Minutes
    invitation_days: Annotated[float, Field(gt=0, le=60)]
    messages_a_minute: Annotated[int, Field(ge=5, le=600)]


class SignInPolicy(Part):
    """How long a browser stays signed in, and what a manager needs to sign in."""

    staff_idle_minutes: Annotated[float, Field(ge=10, le=720)]
    staff_hours: Annotated[float, Field(ge=1, le=24)]
    mentee_idle_days: Annotated[float, Field(ge=1, le=30)]
    confirm_minutes: Annotated[float, Field(ge=1, le=60)]
    managers_second_factor: bool


class Rung(Part):
    page: Annotated[tuple[Group, ...], Field(min_length=1)]
    wait_minutes: Minutes

    @property
    def wait(self) -> timedelta:
        return timedelta(minutes=self.wait_minutes)


class Ladder(Part):
    outside_hours: Literal["wait", "skip", "page"]
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1)]

    def at(self, rung: int) -> Rung:
        """The rung with this index; the last one repeats."""
        return self.rungs[min(rung, len(self.rungs) - 1)]


class Ladders(Part):
    routine: Ladder
    soon: Ladder
    crisis: Ladder


class CheckInCutOffs(Part):
    phq2: CutOffs
    phq9: CutOffs
    gad2: CutOffs
    gad7: CutOffs
    who5: CutOffs
    ucla3: CutOffs
    mentor_check: CutOffs

    def of(self, scale: Scale) -> CutOffs:
        cut_offs: CutOffs = getattr(self, scale.name)
        return cut_offs

    @model_validator(mode="after")
    def each_fits_its_scale(self) -> "CheckInCutOffs":
        for scale in SCALES.values():
            begins, cut_off = list(self.of(scale).bands.values()), self.of(scale).cut_off
            lowest, highest = scale.lowest_total, scale.highest_total
            if begins[0] != lowest or begins[-1] > highest or not lowest <= cut_off <= highest:
                raise ValueError(
                    f"check_ins.{scale.name}: the first band must begin at {lowest}, and nothing "
                    f"may be above {highest} ({scale.unit})"
                )
        return self


class Policy(Part):
    thresholds: Thresholds
    bot: BotPatience
    repeat: Repeat
    bursts: Bursts
    offer: Offer
    disclosure: Disclosure
    claim: Claim
    alert: AlertTimes
    paid_texts: PaidTexts
    relay: Relay
    schedule: SchedulePolicy
    check_ins: CheckInCutOffs
    review: Review
    reliance: ReliancePolicy
    targets: Targets
    consent: ConsentPolicy
    safeguarding: SafeguardingPolicy
    follow_up: FollowUpPolicy
    personal_data: PersonalDataPolicy
    retention: RetentionPolicy
    mentors: MentorsPolicy
    chat: ChatPolicy
    sign_in: SignInPolicy
    ladder: Ladders

    @model_validator(mode="after")
    def paged_before_the_next_are(self) -> "Policy":
        unknown = self.paid_texts.unknown_numbers_alert_seconds
        for name, seconds in (
            ("paid_texts.unknown_numbers_alert_seconds", unknown),
            ("alert.together_seconds", self.alert.together_seconds),
        ):
            if seconds >= 60 * self.alert.delivered_within_minutes:
                raise ValueError(
                    f"{name} must be below alert.delivered_within_minutes: otherwise the next "
                    "people are paged before the first text is sent"
                )
        return self

    def ladder_for(self, urgency: Urgency) -> Ladder:
        ladder: Ladder = getattr(self.ladder, urgency.name.lower())
        return ladder
