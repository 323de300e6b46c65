"""Makes the fixtures of `comeback` known, which lies beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from comeback import post  # noqa: E402

__all__ = ["post"]
