"""`python -m edgecnn` is the command `edgecnn`."""

import sys

from edgecnn.cli import main

sys.exit(main())
