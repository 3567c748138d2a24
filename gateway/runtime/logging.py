"""Logs for operators: one line per event, with row numbers and never with messages."""

import logging
import sys
import threading
from types import TracebackType
from typing import Any

import structlog

log = structlog.get_logger()


def set_up_logs() -> None:
    pretty = sys.stderr.isatty()
    render = structlog.dev.ConsoleRenderer(colors=True) if pretty else _render_json()
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
            render,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _set_up_libraries(render)
    threading.excepthook = _report_thread


def _render_json() -> Any:
    return structlog.processors.JSONRenderer()


def _set_up_libraries(render: Any) -> None:
    """What libraries log passes the same filter: uvicorn would print an exception with its text."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_words,
                render,
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # DBOS adds its own handler, unless it finds one.
    engine = logging.getLogger("dbos")
    engine.handlers, engine.propagate = [handler], False
    # Twilio's client logs whole requests, with message bodies and phone numbers.
    logging.getLogger("twilio.http_client").setLevel(logging.CRITICAL)


def _report_thread(failed: threading.ExceptHookArgs) -> None:
    kind, error, trace = failed.exc_type, failed.exc_value, failed.exc_traceback
    log.error("a thread ended with an error", exc_info=(kind, error, trace))


def _without_words(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace an exception by its type and place, because its text may quote a row."""
    given = event.pop("exc_info", None)
    if not given:
        return event
    kind, _, trace = _exception(given)
    if "logger" in event:
        # A library's sentence about an exception often ends with its text.
        event["event"] = "an error in a library"
    event["error"] = kind.__name__ if kind else "unknown"
    event["where"] = _places(trace)[-4:]
    return event


def _exception(
    given: Any,
) -> tuple[type[BaseException] | None, BaseException | None, TracebackType | None]:
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    return given if isinstance(given, tuple) else sys.exc_info()


def _places(trace: TracebackType | None) -> list[str]:
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places
