"""Errors of the contract room; every message is one line."""


class _OneLineError(ValueError):
    """Error that escapes line breaks and control characters in what it quotes."""

    def __init__(self, message: str) -> None:
        super().__init__(''.join(
            character if character.isprintable() else repr(character)[1:-1]
            for character in message))


class ContractError(_OneLineError):
    """A contract that cannot be used: names the file, the key, what was found and expected."""


class MessageError(_OneLineError):
    """A message or row that does not fit its stream in the contract."""
