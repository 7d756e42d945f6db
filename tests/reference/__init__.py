"""A slow, obvious reference implementation of the contract and the decisions, one person and one line at a time.

It shares no code with the product: it is what the product is compared with.
"""

from tests.reference.intake import World

__all__ = ["World"]
