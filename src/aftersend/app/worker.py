"""`python -m aftersend.app.worker`: the process that `serve --workers` starts."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # reading all modules makes little garbage; `serving` turns it on again
    from aftersend.app.serving import work_beside

    sys.exit(work_beside())
