"""`python -m idfcodec` and the command `idfcodec` are the command line."""

import os
import sys

__all__ = ["main"]


def main() -> int:
    """Runs the command line and returns the exit code, also where it is interrupted before it has begun."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy starts no threads, which want memory and do nothing here
    try:
        from idfcodec.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
