"""`python -m valuescope.data.checks FILE...`: check files of a starter set."""

import sys

from valuescope.data.starter_checks import main

sys.exit(main(sys.argv[1:]))
