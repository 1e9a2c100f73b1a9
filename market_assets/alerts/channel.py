"""One channel: its Apprise URL, what of it must not be shown, and one message through it."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from market_assets.errors import SettingsInvalid
from market_assets.settings.alerts import ChannelSettings
from market_assets.settings.secrets import Secrets, variable_for

if TYPE_CHECKING:
    from apprise import NotifyBase

Tone = Literal["failure", "warning", "info", "success"]
# A shorter part of a URL ("no", "ts") is no secret, and hiding it would riddle every word.
_SHORTEST_PART = 3
# urllib3 writes the path of each request into its log, and a Slack URL's path is its key.
_TALKATIVE = ("apprise", "urllib3.connectionpool", "requests_oauthlib", "paho.mqtt.client")
_HIDING: ContextVar[tuple[str, ...]] = ContextVar("hiding", default=())


def load() -> None:
    """Import what channels need; Apprise imports its plugins when it is first asked for one."""
    _is_known("json")


def open_channel(channel: ChannelSettings, secrets: Secrets, timeout: float) -> NotifyBase:
    """What sends to it; an error says what is wrong with its secret, without the secret."""
    import apprise

    doing = f"Opening the alert channel {channel.name}"
    url = secrets.require(channel.url_secret, doing=doing)
    asset = apprise.AppriseAsset(
        app_id="market-assets",
        app_desc="market-assets alerts",
        app_url="",
        async_mode=False,  # in our own thread: others' pools are joined when the process ends
        service_timeout=0,
        interpret_emojis=False,
    )
    with hidden(url):
        service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        raise SettingsInvalid(
            doing,
            f"the secret {channel.url_secret} is no URL that Apprise can send to"
            f"{_scheme_said(url)}",
            f"Correct {variable_for((channel.url_secret,))}; the forms are in Apprise's"
            " documentation, such as mailto://user:password@host?to=you@example.com",
            channel=channel.name,
        )
    service.socket_connect_timeout = timeout
    service.socket_read_timeout = timeout
    return service


def send(service: NotifyBase, url: str, title: str, body: str, tone: Tone) -> str:
    """Send one message; empty when the channel took it, else why not, without secrets."""
    import apprise

    sender = apprise.Apprise(service, asset=service.asset)
    with hidden(url):
        try:
            result = sender.notify(
                title=title,
                body=body,
                notify_type=apprise.NotifyType(tone),
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # a plugin's bug is a message that did not arrive
            return scrubbed(f"{type(error).__name__}: {error}", url)
        if result:
            return ""
        said = [entry.message for entry in result.logs()]
    return scrubbed(" ".join(" ".join(said).split()) or "the channel did not take it", url)


def scrubbed(text: str, url: str) -> str:
    """Without the URL and any part of it."""
    for part in _parts(url):
        text = text.replace(part, "***")
    return text


@contextlib.contextmanager
def hidden(url: str) -> Iterator[None]:
    """What libraries log meanwhile (in this thread) does not show the URL, at any level."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_hide)  # the same one again is not added twice
    token = _HIDING.set((*_HIDING.get(), url))
    try:
        yield
    finally:
        _HIDING.reset(token)


def _hide(record: logging.LogRecord) -> bool:
    urls = _HIDING.get()
    if urls:
        said = record.getMessage()
        for url in urls:
            said = scrubbed(said, url)
        record.msg, record.args, record.exc_info = said, (), None
    return True


def _parts(url: str) -> list[str]:
    """The URL and its parts as they may turn up elsewhere, the longest first."""
    try:
        split = urlsplit(url)
        named = [split.netloc, split.hostname, split.username, split.password]
    except ValueError:  # no URL at all: then all of it is the secret
        split, named = urlsplit(""), []
    pieces = [
        url,
        url.partition("://")[2],
        *(piece for piece in named if piece),
        split.path,
        *re.split(r"[/:@?&=,]", url.partition("://")[2]),
        *(value for _, value in parse_qsl(split.query)),
    ]
    both = {form for piece in pieces for form in (piece, unquote_plus(piece))}
    return sorted((part for part in both if len(part) >= _SHORTEST_PART), key=len, reverse=True)


def _scheme_said(url: str) -> str:
    """Only if it is one that Apprise knows: else it may be part of the secret itself."""
    scheme, mark, _ = url.partition("://")
    if not mark:
        return ": it has no scheme, such as slack:// or mailto://"
    if _is_known(scheme):
        return f": something is missing after {scheme.lower()}://"
    return ": Apprise knows no such scheme"


def _is_known(scheme: str) -> bool:
    import apprise

    # Apprise has no type hints here.
    return scheme.lower() in apprise.NotificationManager()  # type: ignore[no-untyped-call]
