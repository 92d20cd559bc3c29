"""What the parts of a job share: formats, errors, and what an input is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol

import pyarrow as pa

from fastscore._errors import FastscoreError

Format = Literal["parquet", "arrow", "csv"]

STDIO: Final = "-"
STDIN: Final = "standard input"
COMPRESSIONS: Final[dict[Format, tuple[str, ...]]] = {
    "parquet": ("snappy", "zstd", "gzip", "lz4", "brotli", "none"),
    "arrow": ("none", "lz4", "zstd"),
    "csv": ("none", "gzip"),
}
"""What each format can be compressed with, the default first."""
EXTENSIONS: Final[dict[str, Format]] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".csv.gz": "csv",
}
BLOCK: Final = 1 << 20


class JobError(FastscoreError):
    """A job can't be done; the message names the file and says what to do."""


class Source(Protocol):
    """One input: its columns, and its rows in order."""

    name: str
    schema: pa.Schema
    rows: int | None  # how many, where the file says so at once
    blank: Mapping[str, pa.Array]  # per column of text, what stands for a missing category

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
        """Read batches of at most about `rows` rows, with these columns at least."""


def format_of(path: str) -> Format | None:
    """Find the format that a name says."""
    lower = path.lower()
    return next((f for extension, f in EXTENSIONS.items() if lower.endswith(extension)), None)
