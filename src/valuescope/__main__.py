"""`python -m valuescope`."""

import sys

from valuescope.cli import main

sys.exit(main())
