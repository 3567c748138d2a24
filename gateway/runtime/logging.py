"""What operators read: one line per event, with numbers of rows and never with words."""

import logging
import sys

import structlog


def set_up_logs() -> None:
    """Readable lines on a terminal, JSON everywhere else."""
    pretty = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Only the place of an error: its message or locals might hold somebody's words.
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
    # Twilio's client logs whole requests, bodies and numbers included.
    logging.getLogger("twilio.http_client").setLevel(logging.CRITICAL)


def _without_words(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace an exception by its kind and its place; its text may quote a row."""
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
