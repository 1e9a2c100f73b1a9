"""What stands in deploy/, read by schemas and linters, and run as far as goes without Docker."""

from __future__ import annotations

import sys
from pathlib import Path

# Helpers are imported by name, here and in the processes that the tests start.
sys.path.insert(0, str(Path(__file__).parent))
