"""Files that appear under their name whole or not at all."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """Give a temporary name beside `path` to write to.

    When the block is done the file is on disk under `path`; when it fails, nowhere. A link
    is followed, and a file that is replaced hands on its mode.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            errno.ENOENT, "there is no such folder: make it first, or save elsewhere", folder
        )
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "it is a folder: name a file in it", path)
    # File names have at most 255 bytes.
    stem = name.encode()[:200].decode(errors="ignore")
    temporary = os.path.join(folder, f".{stem}.fastscore-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    file = -1
    try:
        file = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        yield temporary
        os.fsync(file)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        if file >= 0:
            os.close(file)
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Put the new name on disk too, where the system can."""
    with contextlib.suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
