"""Putting one gateway together and running it."""

import fcntl
import gc
import re
import sys
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select

from bot.client import Bot
from escalation.detect import detect
from escalation.ruleset import Rules, load_rules
from escalation.speech.guard import load_guard
from gateway.app import create_app
from gateway.demo_phones import Phones
from gateway.operators.alarms import Operators
from gateway.operators.mail import SmtpMail
from gateway.pipeline.turns import take_turns
from gateway.runtime.audit import head_file_for, store_head_in
from gateway.runtime.database import Database, make_engine
from gateway.runtime.jobs import Engine
from gateway.runtime.line import Calls, Line, Texts
from gateway.runtime.settings import ROOT, BadSettings, Settings, check_for_serving
from gateway.web.connections import server_options
from gateway.worker import KINDS, Watchdog, do_work
from models import Channel, Person, keys, use_key

# Numbers that the North American plan reserves for examples.
EXAMPLE_NUMBER = re.compile(r"\+1\d{3}55501\d\d")


class AlreadyServed(Exception):
    def __init__(self, database: Path) -> None:
        super().__init__(
            f"Another gateway already serves {database}. SQLite takes one; stop the other, "
            "or use PostgreSQL (DATABASE_URL) for more."
        )


class NoKeys(Exception):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} does not hold the keys of this database. Set KEY_FOLDER to the folder "
            "where they are, or put their copy back."
        )


def open_database(settings: Settings) -> Database:
    """Migrated, and readable with our key. Raises NoKey, NoKeys, BadKey, or WrongKey."""
    use_key(settings.warmline_key, settings.keys, old=settings.warmline_old_key)
    store_head_in(head_file_for(settings.database_url, ROOT / "var"))
    database = Database(make_engine(settings.database_url))
    database.migrate()
    with database.reading() as session:
        if session.scalar(select(Person.id).limit(1)) and not keys().has("index"):
            raise NoKeys(settings.keys)
        session.scalar(select(Person.name).limit(1))
    return database


def make_texts(settings: Settings) -> Texts:
    if settings.sms == "phones":
        return Phones()
    # Twilio's client takes a tenth of a second to import, and the demo never needs it.
    from gateway.messaging.sms import Twilio, connect

    return Twilio(
        connect(
            settings.twilio_account_sid or "",
            settings.twilio_auth_token or "",
            base_url=settings.twilio_base_url,
        ),
        public_url=settings.public_url,
        from_=settings.twilio_from,
        messaging_service_sid=settings.twilio_messaging_service_sid,
    )


def make_calls(settings: Settings) -> Calls | None:
    caller = settings.twilio_voice_from or settings.twilio_from
    if settings.sms != "twilio" or not caller:
        return None
    from gateway.messaging.sms import TwilioCalls, connect

    client = connect(
        settings.twilio_account_sid or "",
        settings.twilio_auth_token or "",
        base_url=settings.twilio_base_url,
    )
    return TwilioCalls(client, public_url=settings.public_url, from_=caller)


def make_mail(settings: Settings) -> SmtpMail | None:
    if settings.smtp_url is None or settings.alert_from is None:
        return None
    return SmtpMail(settings.smtp_url, sender=settings.alert_from)


def build_app(settings: Settings) -> FastAPI:
    """Raises AlreadyServed, BadPolicy, BadScript, BadLexicon, WeightsDamaged, or BadSettings."""
    # The first use loads the model, the rules, and the guard. No message should wait for that, and
    # without detection nobody would be handed over, so a broken file stops the start.
    detect("hello")
    load_guard()
    only_one = lock_database(settings.database_url)
    database = open_database(settings)
    if settings.sms == "phones":
        refuse_real_numbers(database)
    engine = Engine(database, settings.database_url, [kind.job for kind in KINDS])
    line = make_line(settings, database)
    watchdog = Watchdog(line, engine, heartbeat_url=settings.heartbeat_url)

    def start() -> None:
        engine.start(lambda work: do_work(line, work))
        watchdog.start()

    def stop() -> None:
        watchdog.stop()
        line.workers.shutdown(wait=True, cancel_futures=True)
        engine.stop()
        database.engine.dispose()
        if only_one is not None:
            only_one.close()

    return create_app(line, settings, start=start, stop=stop)


def load_file_rules(settings: Settings) -> Rules:
    """Raises BadPolicy or BadScript."""
    texting = Channel.SMS if settings.sms == "twilio" else Channel.PHONES
    return load_rules(settings.public_url, texting, policy_file=settings.policy_file)


def make_line(settings: Settings, database: Database) -> Line:
    rules = load_file_rules(settings)
    timeout = rules.policy.bot.timeout_seconds
    mail = make_mail(settings)
    return Line(
        database=database,
        rules=rules,
        bot=Bot(settings.rasa_url, timeout_seconds=timeout, token=settings.rasa_token),
        texts=make_texts(settings),
        calls=make_calls(settings),
        mail=mail,
        operators=Operators(settings.operator_webhook, settings.operator_email, mail),
        detect=detect,
        take_turns=take_turns,
    )


def refuse_real_numbers(database: Database) -> None:
    """Raises BadSettings. In the demo anyone can read and text as anyone."""
    with database.reading() as session:
        for phone in session.scalars(select(Person.phone).where(Person.phone.is_not(None))):
            if not EXAMPLE_NUMBER.fullmatch(phone or ""):
                raise BadSettings(
                    "SMS=phones is the demo, and this database has real phone numbers: set "
                    "SMS=twilio, or use a database that has only example numbers (555-01xx)."
                )


def serve(settings: Settings) -> None:
    check_for_serving(settings)
    app = build_app(settings)
    # Everything loaded by now stays. Without the freeze, the collector would go through it again
    # whenever a page has read some thousand rows, which takes longer than reading them. Collecting
    # first takes a twelfth of the start and frees nothing that shows in the memory.
    gc.freeze()
    gc.enable()
    print(f"Warmline listens on http://{settings.host}:{settings.port}")
    run(app, settings)


def run(app: FastAPI, settings: Settings) -> None:
    # The event loop gets its turn sooner when many requests run in threads.
    sys.setswitchinterval(0.001)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        # Logs go through ours, which leave out what an exception says.
        log_config=None,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        # Open event streams would otherwise hold up the end.
        timeout_graceful_shutdown=3,
        **server_options(),
    )


def lock_database(database_url: str) -> TextIO | None:
    """Hold the SQLite file for this process; the lock goes with it, however it ends.

    Raises AlreadyServed when another process holds it.
    """
    url = sa.make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    database = Path(url.database)
    database.parent.mkdir(parents=True, exist_ok=True)
    lock = database.with_name(f"{database.name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise AlreadyServed(database) from error
    return lock
