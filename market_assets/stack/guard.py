"""`python -m market_assets.stack.guard MARK`: ends a stack whose starter was killed.

It waits on its standard input, which the starter holds open. When the starter is gone, however it
went, the end of that input is reached, and every process with the mark is ended.
"""

from __future__ import annotations

import signal
import sys

from market_assets.stack.processes import stop_marked

GRACE_SECONDS = 4.0


def main() -> None:
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Whoever ends the whole session does not mean the one that cleans up after it.
        signal.signal(kind, signal.SIG_IGN)
    sys.stdin.buffer.read()
    stop_marked(sys.argv[1], grace_seconds=GRACE_SECONDS)


if __name__ == "__main__":
    main()
