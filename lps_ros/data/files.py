"""Writing files that are either whole or not there."""

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
import errno
import fcntl
from itertools import count
import os
from pathlib import Path
import tempfile

from lps_ros.data.errors import StorageError


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError whose one line names the path and says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageError(f'{path}: the disk is full ({os.strerror(error.errno)}); '
                               'free some space and try again') from error
        raise StorageError(f'{path}: cannot write ({error.strerror or error}); '
                           'check that the folder exists and is writable') from error


def check_writable(folder: Path) -> None:
    """
    Raise StorageError unless files can be made in a folder; leave nothing there.

    Where it is missing, the nearest folder above it is tried, in which it would be made.
    """
    with disk_errors(folder):
        nearest = folder.absolute()
        while not nearest.exists():
            nearest = nearest.parent
        with tempfile.TemporaryFile(dir=nearest):
            pass


def write_text(path: Path, text: str) -> None:
    """Write a text file that is whole or as it was before; raises StorageError."""
    with disk_errors(path):
        # A link, as /dev/stdout is one, or a device stays what it is.
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_text(text, encoding='utf-8')
        else:
            replace(path, text.encode())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Create a folder durably where it is missing and return it."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
    return folder


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all bytes; os.write alone may stop short on a full disk."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view):]


def write_new(path: Path, data: bytes) -> None:
    """Write and fsync a file, locked meanwhile; on an error remove it and raise the OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    lock(descriptor)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes) -> None:
    """Replace a file's content in one step; readers see the old or the new one."""
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    write_new(temporary, data)
    os.replace(temporary, path)
    sync_folder(path.parent)


def place(temporary: Path, folder: Path, name: Callable[[int], str]) -> Path:
    """
    Move a finished file into a folder under the first free name(0), name(1), ...; return it.

    Never overwrites: a name taken meanwhile by another process is passed over.
    """
    for number in count():
        target = folder / name(number)
        if _move(temporary, target):
            sync_folder(folder)
            return target


def _move(source: Path, target: Path) -> bool:
    """Move a file unless the target exists; False if it does."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError as error:
        # FAT and some network shares have no links.
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
            raise
        if target.exists():
            return False
        os.rename(source, target)
        return True
    os.unlink(source)
    return True


def lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file; False if another process holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether somebody works on a file, or has just moved it away."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)
