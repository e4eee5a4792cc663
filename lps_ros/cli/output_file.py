"""Files that a command writes at its end, checked at its beginning."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from lps_ros.data import StorageError
from lps_ros.data.files import check_writable
from lps_ros.data.files import write_text


def output_file(text: str) -> Path:
    """
    Return the path of a file to be written, as argparse's `type`; leave no file there.

    :raises argparse.ArgumentTypeError: where it could not be written after minutes of work
    """
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f'{path} is a folder; give the name of a file')
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f'{path}: its folder does not exist; make it first')
    if path.exists() and not os.access(path, os.W_OK):
        raise argparse.ArgumentTypeError(f'{path}: is there and cannot be written; give another')
    if path.is_file() or not path.exists():
        try:
            check_writable(path.parent)
        except StorageError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
    return path


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write figures where a file was asked for; the file appears whole or not at all."""
    if path is not None:
        write_text(path, json.dumps(content, indent=2) + '\n')
