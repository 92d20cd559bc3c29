"""What TensorFlow writes to stderr by itself, held back."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_LOGS = re.compile(
    rb"[IW]\d{4} [\d:.]+ |\d{4}-\d\d-\d\d [\d:.]+: [IW] |WARNING:absl:|$"
    rb"|WARNING: All log messages before absl::|To enable the following instructions: "
)
"""How lines begin that tell of no error."""


@contextlib.contextmanager
def without_logs() -> Iterator[None]:
    """Hold back what TensorFlow and absl log below an error; all else reaches stderr at the end.

    Who sets TF_CPP_MIN_LOG_LEVEL gets what that asks for.
    """
    try:
        stderr = None if _LEVEL in os.environ else os.dup(2)
    except OSError:  # there is none
        stderr = None
    if stderr is None:
        yield
        return
    os.environ[_LEVEL] = "2"
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            del os.environ[_LEVEL]
            held.seek(0)
            for line in held:
                if not _LOGS.match(line):
                    os.write(2, line)
