"""Messages on their way: each channel in a thread of its own, none longer than it may take."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime

from market_assets.alerts import channel as channels
from market_assets.alerts import log_channel
from market_assets.alerts.channel import Tone
from market_assets.alerts.messages import pause_after
from market_assets.alerts.wording import digest_of
from market_assets.errors import MarketAssetsError
from market_assets.schemas.alerts import AlertDelivery, MessageKind
from market_assets.settings import Secrets, Settings
from market_assets.settings.alerts import LOG_CHANNEL

# More messages than this of one look to one channel are sent as one.
DIGEST_ABOVE = 5
_TONES: Mapping[MessageKind, Tone] = {
    "resolved": "success",
    "news": "info",
    "test": "info",
    "reminder": "warning",
}


@dataclass(slots=True)
class _Post:
    """The messages of one look to one channel, and what became of them."""

    channel: str
    messages: list[AlertDelivery]
    ends_at: float = math.inf  # on the monotonic clock: what is not begun by then is not sent
    errors: dict[str, str] = field(default_factory=dict)  # message_id -> "" or why not


def deliver(
    messages: Sequence[AlertDelivery], settings: Settings, secrets: Secrets
) -> dict[str, str]:
    """Send messages; message_id -> empty when it arrived, else why not.

    A channel that hangs is left behind after its timeout: its thread ends with its socket. What it
    takes after that is sent again, because nobody knows that it did.
    """
    posts: dict[str, _Post] = {}
    for message in messages:
        posts.setdefault(message.channel, _Post(message.channel, [])).messages.append(message)
    if set(posts) - {LOG_CHANNEL}:
        channels.load()  # seconds on a busy machine, which no channel is to blame for
    seconds = settings.alerts.delivery.timeout_seconds
    deadline = time.monotonic() + seconds
    threads = []
    for post in posts.values():
        post.ends_at = deadline
        context = copy_context()
        work = threading.Thread(
            target=context.run,
            args=(_work, post, settings, secrets),
            name=f"alerts-{post.channel}",
            daemon=True,  # a hanging channel does not keep the process from ending
        )
        work.start()
        threads.append(work)
    for work in threads:
        work.join(max(0.0, deadline - time.monotonic()))
    late = f"no answer within {seconds:g} s"
    return {
        message.message_id: post.errors.get(message.message_id, late)
        for post in posts.values()
        for message in post.messages
    }


def outcome_of(
    message: AlertDelivery, error: str, settings: Settings, now: datetime
) -> AlertDelivery:
    """A message that was being sent, as it stands after that."""
    done = replace(message, sequence=message.sequence + 1, changed_at=now, error=error)
    if not error:
        return replace(done, outcome="sent")
    if message.kind == "test" or message.attempt >= settings.alerts.delivery.attempts:
        return replace(done, outcome="given_up")
    due_at = now + pause_after(message.attempt, settings.alerts)
    return replace(done, outcome="failed", due_at=due_at)


def _work(post: _Post, settings: Settings, secrets: Secrets) -> None:
    if post.channel == LOG_CHANNEL:
        error = log_channel.write(settings.state_dir, post.messages)
        post.errors |= {message.message_id: error for message in post.messages}
        return
    try:
        _send_all(post, settings, secrets)
    except MarketAssetsError as error:
        said = f"{error.problem}. {error.action}"
    except Exception as error:  # a plugin's bug: its words may hold the URL, its kind does not
        said = f"Apprise failed with {type(error).__name__}"
    else:
        return
    post.errors |= {message.message_id: said for message in post.messages}


def _send_all(post: _Post, settings: Settings, secrets: Secrets) -> None:
    named = {channel.name: channel for channel in settings.alerts.channels}
    seconds = settings.alerts.delivery.timeout_seconds
    service = channels.open_channel(named[post.channel], secrets, seconds)
    url = secrets[named[post.channel].url_secret]
    if len(post.messages) > DIGEST_ABOVE:
        title, body = digest_of(post.messages)
        tone = max((_tone(message) for message in post.messages), key=_TONE_ORDER.index)
        error = channels.send(service, url, title, body, tone)
        post.errors |= {message.message_id: error for message in post.messages}
        return
    for message in post.messages:
        if time.monotonic() >= post.ends_at:
            return  # it has failed already, and will be tried again
        error = channels.send(service, url, message.title, message.body, _tone(message))
        post.errors[message.message_id] = error


_TONE_ORDER: tuple[Tone, ...] = ("success", "info", "warning", "failure")


def _tone(message: AlertDelivery) -> Tone:
    return _TONES.get(message.kind, "failure")
