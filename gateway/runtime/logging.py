"""Logs for operators: one line per event, with row numbers and never with messages."""

import logging
import sys

import structlog


def set_up_logs() -> None:
    pretty = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Only where an error happened: its message or locals may hold what a person wrote.
            structlog.processors.CallsiteParameterAdder(
                {structlog.processors.CallsiteParameter.MODULE}
            ),
            _without_words,
            structlog.dev.ConsoleRenderer(colors=True)
            if pretty
            else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING)
    # Twilio's client logs whole requests, with message bodies and phone numbers.
    logging.getLogger("twilio.http_client").setLevel(logging.CRITICAL)


def _without_words(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace an exception by its type and place, because its text may quote a row."""
    if event.pop("exc_info", None):
        kind, _, trace = sys.exc_info()
        event["error"] = kind.__name__ if kind else "unknown"
        places = []
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        event["where"] = places[-4:]
    return event
