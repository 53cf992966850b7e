"""`python -m penstock.cli`: the command line without its script."""

import sys

from penstock.cli import main

sys.exit(main())
