"""Ports on this machine."""

from __future__ import annotations

import socket
from collections.abc import Collection

from market_assets.errors import PortTaken

HOST = "127.0.0.1"
_TRIES = 50


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def free_port(wanted: int = 0, *, but: Collection[int] = ()) -> int:
    """`wanted`, or the next free one above it that is none of `but`; 0 is any."""
    if wanted == 0:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
            return port
    for port in range(wanted, min(wanted + _TRIES, 65_536)):
        if port not in but and is_free(port):
            return port
    raise PortTaken(
        "Looking for a free port",
        f"{HOST}:{wanted} and the {_TRIES - 1} ports above it are taken",
        "Stop what listens there, or choose another with --port",
    )


def free_ports(*wanted: int) -> list[int]:
    """One for each of `wanted`: servers that start later must not be promised the same."""
    found: list[int] = []
    for port in wanted:
        found.append(free_port(port, but=found))
    return found
