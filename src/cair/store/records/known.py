"""Which keys may be held already, so that the database is asked only about those.

A bitmap with a few bits for every key held (a Bloom filter, each key within one 64-bit word). It says "surely new" or
"perhaps held", never a false "new": what it does not rule out is asked of the database. Whoever writes evidence holds
the lock of intake, so nothing is added behind its back.
"""

import hashlib

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
"""The first 64 bits of each key, which is itself a hash."""

BITS = 4
"""Bits marked for each key."""
KEYS_A_WORD = 4
SMALLEST, LARGEST = 1 << 14, 1 << 24
"""Words of 64 bits: 128 KiB, and 128 MiB for some 70 million keys; beyond that more is asked than need be."""


class KnownKeys:
    """The keys of any number of feeds."""

    def __init__(self, expected: int) -> None:
        """Make room for about so many keys."""
        words = SMALLEST
        while words < LARGEST and words * KEYS_A_WORD < expected:
            words *= 2
        self._words = np.zeros(words, np.uint64)

    def add(self, feed: str, keys: Keys) -> None:
        """Remember keys of a feed."""
        places, marks = self._of(feed, keys)
        np.bitwise_or.at(self._words, places, marks)

    def perhaps(self, feed: str, keys: Keys) -> npt.NDArray[np.bool_]:
        """Mark the keys that may be among those remembered; the others surely are not."""
        places, marks = self._of(feed, keys)
        return (self._words[places] & marks) == marks

    def _of(self, feed: str, keys: Keys) -> tuple[npt.NDArray[np.int64], Keys]:
        """Word and bits of each key: its lower bits choose the word, the upper 24 the bits."""
        # The same partner, code and nothing else make the same key in several feeds.
        mixed = keys ^ np.frombuffer(hashlib.sha256(feed.encode()).digest(), np.uint64, 1)
        marks = np.zeros(len(keys), np.uint64)
        for bit in range(BITS):
            marks |= np.uint64(1) << ((mixed >> np.uint64(40 + 6 * bit)) & np.uint64(63))
        return (mixed & np.uint64(len(self._words) - 1)).astype(np.int64), marks
