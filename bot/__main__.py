"""`python -m bot`."""

import logging
import os
import sys
import threading

from bot.cli.main import run
from bot.engine.executor import THREAD_NAME


def main() -> None:
    """Run the command line and exit with its code."""
    code = run(sys.argv[1:])
    if any(thread.name == THREAD_NAME for thread in threading.enumerate()):
        # The model thread is still in native code. A normal interpreter exit would abort the process there.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
