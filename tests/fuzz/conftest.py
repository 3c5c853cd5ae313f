"""How long the fuzzers run, and from which seed.

    AE_ZOO_FUZZ_MINUTES  minutes for all of them together; without it, each test runs
                         its first few cases only
    AE_ZOO_FUZZ_SEED     the seed of the first case, 0 by default

`make fuzz` sets both.
"""

import os
import random
import time

import pytest

SECONDS = 60 * float(os.environ.get("AE_ZOO_FUZZ_MINUTES", "0"))
FIRST = int(os.environ.get("AE_ZOO_FUZZ_SEED", "0"))
CASES = 5  # at least


@pytest.fixture
def cases(request):
    """Yields (seed, random numbers) until the share of the test in the time is over."""
    fuzzers = [i for i in request.session.items if "cases" in i.fixturenames]

    def generate():
        end, seed = time.monotonic() + SECONDS / len(fuzzers), FIRST
        while seed < FIRST + CASES or time.monotonic() < end:
            yield seed, random.Random(seed)
            seed += 1

    return generate()
