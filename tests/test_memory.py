"""Memory that a training keeps: freed blocks do not go back to the kernel, and afterwards they do again."""

from __future__ import annotations

import platform
import resource

import pytest
from helpers import python

TOUCH = """
import resource
from edgecnn.train import memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        bytes(b"x") * (64 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

bytes(b"x") * (64 << 20)
plain = faults()
with memory.kept({wanted}):
    bytes(b"x") * (64 << 20)
    kept = faults()
print(plain, kept, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this C library has no mallopt")
@pytest.mark.parametrize("wanted", [True, False])
def test_pages_are_asked_for_once(wanted):
    pages = (64 << 20) // resource.getpagesize()
    plain, kept, after = map(int, python(TOUCH.format(wanted=wanted)).split())
    assert (kept < pages) == wanted, (plain, kept, after)
    assert plain > 5 * pages
    assert after > 5 * pages
