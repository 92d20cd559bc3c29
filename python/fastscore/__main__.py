"""`python -m fastscore`: the command line."""

import sys

from fastscore._cli import main

if __name__ == "__main__":
    sys.exit(main())
