"""The channel that is always there: the log."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from market_assets.schemas.alerts import AlertDelivery

FILE = Path("logs/alerts.log")
_LEVELS = {"resolved": logging.INFO, "test": logging.INFO, "news": logging.INFO}


def write(state: Path, messages: list[AlertDelivery]) -> str:
    """Tell the log; empty when the file took it, else why not."""
    logger = logging.getLogger("market_assets.alerts")
    for message in messages:
        logger.log(_LEVELS.get(message.kind, logging.WARNING), "%s", message.title)
    lines = [
        json.dumps(
            {
                "at": f"{message.changed_at.isoformat()}",
                "kind": message.kind,
                "alert": message.alert_id,
                "title": message.title,
                "text": message.body,
            }
        )
        for message in messages
    ]
    file = state / FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write("".join(f"{line}\n" for line in lines))
    except OSError as error:
        return f"{file} cannot be written: {error.strerror}"
    return ""
