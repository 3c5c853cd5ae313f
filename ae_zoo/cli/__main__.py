"""`python -m ae_zoo.cli`: the command line without the `ae-zoo` script."""

import sys

from ae_zoo.cli.command_line import main

sys.exit(main())
