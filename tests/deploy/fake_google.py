"""gcloud and bq for a test: they write down what they were told, and remember what was made.

Installed as both names; what they know is files of the folder in FAKE_GOOGLE.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

STATE = Path(os.environ["FAKE_GOOGLE"])
MADE = STATE / "made"
# What is asked about, by the words before its name; what makes it, by the words before its name.
ASKED = ("accounts describe", "buckets describe", "preferences describe", "show --dataset")


def main() -> int:
    arguments = sys.argv[1:]
    said = " ".join([Path(sys.argv[0]).name, *arguments])
    with (STATE / "calls").open("a") as calls:
        calls.write(json.dumps([Path(sys.argv[0]).name, *arguments]) + "\n")
    made = MADE.read_text().split() if MADE.exists() else []
    name = _name(arguments)
    if any(words in said for words in ASKED):
        return 0 if name in made else 1
    if "projects describe" in said:
        sys.stdout.write("123456\n")
    elif "show --format=prettyjson" in said:
        kept = STATE / f"access-{arguments[-1].replace(':', '.')}"
        sys.stdout.write(kept.read_text() if kept.exists() else '{"access": []}')
    elif "update --source" in said:
        kept = STATE / f"access-{arguments[-1].replace(':', '.')}"
        kept.write_text(Path(arguments[arguments.index("--source") + 1]).read_text())
    elif {"create", "mk"} & set(arguments):
        with MADE.open("a") as known:
            known.write(f"{name}\n")
    return 0


def _name(arguments: list[str]) -> str:
    """The thing that a command is about, the same for asking and for making."""
    for option in arguments:
        if option.startswith("--preference-id="):
            return option.partition("=")[2]
    plain = [part for part in arguments if not part.startswith("--")]
    return plain[-1].partition("@")[0]


if __name__ == "__main__":
    sys.exit(main())
