"""Errors of the contract room; every message is one line."""


class ContractError(ValueError):
    """A contract that cannot be used: names the file, the key, what was found and expected."""


class MessageError(ValueError):
    """A message or row that does not fit its stream in the contract."""
