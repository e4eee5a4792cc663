"""Errors of the contract room; every message is one line."""


# Characters of a message that is shown whole; the end says what to do.
_LONGEST, _END = 2000, 500


class _OneLineError(ValueError):
    """Error that escapes line breaks and control characters and cuts what is long."""

    def __init__(self, message: str) -> None:
        if len(message) > _LONGEST:
            message = f'{message[:_LONGEST - _END]} ... {message[-_END:]}'
        super().__init__(''.join(
            character if character.isprintable() else repr(character)[1:-1]
            for character in message))


class ContractError(_OneLineError):
    """A contract that cannot be used: names the file, the key, what was found and expected."""


class MessageError(_OneLineError):
    """A message or row that does not fit its stream in the contract."""
