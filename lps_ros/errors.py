"""The error that a user sees as one line."""


class UserError(Exception):
    """Something the user can mend; the message is one line that says what to do."""
