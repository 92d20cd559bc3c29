"""The commands of the command line, a file each."""

from __future__ import annotations

import click

from fastscore import _core
from fastscore._commands._describe import inspect
from fastscore._commands._import import import_
from fastscore._commands._score import score
from fastscore._commands._shared import examples
from fastscore._commands._verify import verify


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "fastscore import model.txt --output churn.fscore",
        "fastscore score customers.parquet --model churn.fscore --output scores.parquet",
    ),
)
@click.version_option(_core.__version__, prog_name="fastscore")
def commands() -> None:
    """Score tables with trained models, fast and with the source library's own results."""


for _command in (score, import_, inspect, verify):
    commands.add_command(_command)
