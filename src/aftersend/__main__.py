"""`python -m aftersend` and the command `aftersend`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run one verb of the command line and exit with its status."""
    from aftersend.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
