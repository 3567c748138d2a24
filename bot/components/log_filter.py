"""Keeps people's words out of Rasa's log.

Rasa logs the text of a message that it failed on, and tracebacks with the values of variables.
logging.yml puts this filter before everything that is written.
"""

from __future__ import annotations

import json
import logging
from typing import Any

# Warnings of libraries go to the logger "py.warnings", which logging.yml limits.
logging.captureWarnings(True)

KEPT = {"event", "event_info", "level", "placeholder_key", "model_id", "exception"}


class PrivacyFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            # The type and the place help. The message can quote what someone wrote.
            record.msg = f"{record.getMessage().splitlines()[0]} ({place(record.exc_info[1])})"
            record.args, record.exc_info, record.exc_text = (), None, None
        elif isinstance(record.msg, str) and record.msg.startswith("{"):
            record.msg, record.args = reduced(record.msg), ()
        return True


def reduced(line: str) -> str:
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError:
        return "(a log line that could not be read, withheld)"
    kept = {key: value for key, value in told.items() if key in KEPT}
    if "exception" in kept:
        kept["exception"] = [_frames(error) for error in kept["exception"]]
    return json.dumps(kept)


def place(error: BaseException) -> str:
    """ "ValueError in rasa/core/processor.py:812"."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" in {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}"


def _frames(error: dict[str, Any]) -> dict[str, Any]:
    frames = [f"{frame.get('filename')}:{frame.get('lineno')}" for frame in error.get("frames", [])]
    return {"type": error.get("exc_type"), "frames": frames[-5:]}
