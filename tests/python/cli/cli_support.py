"""How the tests run commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    def error(self, code: int = 1) -> str:
        """The one line that says what is wrong."""
        assert self.code == code, self.err
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1, self.err
        return self.err


Cli = Callable[..., Ended]


def process(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "fastscore", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ), **options
    )
