"""`python -m aftersend.app.worker`: the process that `serve --workers` starts."""

import sys

from aftersend.app.serving import work_beside

if __name__ == "__main__":
    sys.exit(work_beside())
