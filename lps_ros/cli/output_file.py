"""Files that a command writes at its end, checked at its beginning."""

import argparse
from pathlib import Path


def output_file(text: str) -> Path:
    """
    Return the path of a file to be written, as argparse's `type`.

    :raises argparse.ArgumentTypeError: where it could not be written after minutes of work
    """
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f'{path} is a folder; give the name of a file')
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f'{path}: its folder does not exist; make it first')
    return path
