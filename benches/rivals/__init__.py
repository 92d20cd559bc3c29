"""Everybody who scores. To add a rival: a file with `ENGINES`, named here."""

from rivals import compilers, onedal, onnx_runtime, ours, plain, sources, yggdrasil
from rivals.base import Engine

FILES = (ours, sources, onedal, onnx_runtime, compilers, yggdrasil, plain)
ENGINES: list[Engine] = [engine for file in FILES for engine in file.ENGINES]
SOURCES = {engine.name for engine in sources.SOURCES}
"""Whose results are right."""
