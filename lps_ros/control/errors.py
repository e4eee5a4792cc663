"""What keeps a command from being sent."""


class CommandRefused(ValueError):
    """A command that no limit can make safe; the message is one line."""
