"""`python -m idfcodec` is the command line."""

import sys

from idfcodec.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
