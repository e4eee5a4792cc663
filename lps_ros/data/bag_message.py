"""A serialised message as a bag holds it."""

from typing import NamedTuple


class BagMessage(NamedTuple):
    """One message; received_ns is on the clock that the bag was recorded on."""

    topic: str
    type: str
    received_ns: int
    cdr: bytes
