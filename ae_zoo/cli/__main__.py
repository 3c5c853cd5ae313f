"""`python -m ae_zoo.cli`, for a process that has no `ae-zoo` on its path."""

import sys

from ae_zoo.cli.main import main

sys.exit(main())
