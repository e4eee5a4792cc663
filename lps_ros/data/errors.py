"""Errors of the data room; every message is one line that names the file."""


def one_line(text: str) -> str:
    """Join the lines of a text, and escape what a terminal would not print as it is."""
    return ''.join(character if character.isprintable() else repr(character)[1:-1]
                   for character in ' '.join(text.splitlines()))


class DataError(ValueError):
    """Recorded data that cannot be used, read or written."""

    def __init__(self, message: str) -> None:
        # Libraries that are quoted in it may use several lines.
        super().__init__(one_line(message))


class BagError(DataError):
    """A rosbag2 or raw log that cannot be converted."""


class EpisodeError(DataError):
    """An episode that is damaged or does not fit."""


class DatasetError(DataError):
    """A dataset that cannot be trained on."""


class StorageError(DataError):
    """A disk that is full, a folder that is not writable, a file that is in use."""
