"""`fastscore score`: files in, a file of scores out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

import fastscore
from fastscore import _cli_types as types
from fastscore import _jobs
from fastscore._commands._shared import JSON, VERBOSE, core_of, examples, print_json
from fastscore._jobs import JobError
from fastscore._layout import OUTPUTS


@click.command(
    short_help="Score files: Parquet, Arrow IPC or CSV.",
    epilog=examples(
        "fastscore score customers.parquet --model churn.fscore --output scores.parquet",
        "fastscore score 2024/ --model churn.fscore --output scores.parquet --keep customer_id",
        "fastscore score a.csv b.csv.gz --model churn.fscore --output scores.csv",
        "cat rows.arrows | fastscore score - --model churn.fscore --output - > scores.arrows",
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--model", required=True, metavar="FILE", help="A .fscore file, or a source library's own."
)
@click.option(
    "--output",
    required=True,
    metavar="FILE",
    help="Where the scores go; - is stdout. A file there is replaced once the job is done.",
)
@click.option(
    "--outputs",
    type=types.Outputs(),
    multiple=True,
    default=["prediction"],
    show_default=True,
    callback=types.each_once,
    help=f"What to write: some of {','.join(OUTPUTS)}.",
)
@click.option(
    "--keep",
    type=types.List(),
    multiple=True,
    metavar="COLUMN,...",
    help="Columns of the input to write before the scores; `all` for all of them.",
)
@click.option("--threads", type=int, help="How many threads score. [default: all cores]")
@click.option(
    "--missing",
    type=click.Choice(["source", "propagate"]),
    default="source",
    show_default=True,
    help="Missing values: as the source library has it, or rows that it refuses get no score.",
)
@click.option(
    "--batch-rows",
    type=click.IntRange(min=1),
    help="Rows scored at once. [default: up to 131072, fewer if they are wide]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["auto", "parquet", "arrow", "csv"]),
    default="auto",
    show_default=True,
    help="Format of the output; auto goes by its name.",
)
@click.option(
    "--compression",
    type=click.Choice(sorted({c for all_ in _jobs.COMPRESSIONS.values() for c in all_})),
    help="Compression of the output. [default: snappy for Parquet, gzip for .csv.gz, else none]",
)
@click.option("--no-overwrite", is_flag=True, help="Fail if the output exists.")
@JSON
@VERBOSE
def score(
    inputs: tuple[str, ...],
    model: str,
    output: str,
    outputs: list[str],
    keep: tuple[list[str], ...],
    threads: int | None,
    missing: str,
    batch_rows: int | None,
    format_: str,
    compression: str | None,
    no_overwrite: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Score files: Parquet, Arrow IPC or CSV in and out.

    Several files, or a folder's, are one data set, in order. Only the columns that the model reads
    are read, and memory does not grow with the data. The output appears under its name when it is
    whole; until then it has a temporary name beside it.

    In CSV, separated by commas, the model's columns are numbers, or text where its categories are
    (empty, NA or null: missing, but for a category that is spelt so); other columns are kept as
    their text.
    """
    chosen = _output_format(output, format_)
    if compression is None and output.lower().endswith(".gz"):
        compression = "gzip"
    if compression is not None and compression not in _jobs.COMPRESSIONS[chosen]:
        raise click.UsageError(
            f"{chosen} output can be compressed with {', '.join(_jobs.COMPRESSIONS[chosen])}, "
            f"not {compression}"
        )
    if as_json and output == _jobs.STDIO:
        raise click.UsageError("--json and --output - both write to stdout")
    if threads is not None and threads < 1:
        raise click.UsageError("--threads must be at least 1")
    kept = [name for names in keep for name in names]
    loaded = fastscore.load(model)
    for name in outputs:
        if name not in loaded.outputs:
            raise JobError(
                f"{model} has no output {name!r}; it has {', '.join(map(repr, loaded.outputs))}"
            )
    core = core_of(loaded)
    _jobs.check_output(output, [model], overwrite=True)
    with _progress() as (started, progress):
        report = _jobs.score_files(
            core,
            inputs,
            output,
            outputs=outputs,
            keep="all" if kept == ["all"] else kept,
            threads=threads,
            missing=missing,
            batch_rows=batch_rows,
            format_=chosen,
            compression=compression,
            overwrite=not no_overwrite,
            started=started,
            progress=progress,
        )
    if as_json:
        print_json(
            {
                "output": report.output,
                "rows": report.rows,
                "seconds": report.seconds,
                "rows_per_second": report.rows_per_second,
                "columns": report.columns,
            }
        )
    else:
        click.echo(
            f"{report.rows:,} rows in {report.seconds:.2f} s "
            f"({report.rows_per_second:,.0f} rows/s) -> {output}",
            err=True,
        )


def _output_format(output: str, asked: str) -> _jobs.Format:
    for known in _jobs.COMPRESSIONS:
        if asked == known:
            return known
    found = "arrow" if output == _jobs.STDIO else _jobs.format_of(output)
    if found is None:
        raise click.UsageError(
            f"the name {output!r} says no format: "
            "end it in .parquet, .arrow or .csv, or use --format"
        )
    return found


@contextmanager
def _progress() -> Iterator[tuple[Callable[[int | None], None], Callable[[int], None]]]:
    """Show a bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield (lambda _rows: None), (lambda _rows: None)
        return
    bars: list[Any] = []

    def started(rows: int | None) -> None:
        bars.append(
            click.progressbar(
                length=rows, label="rows", show_pos=True, file=sys.stderr, item_show_func=None
            )
        )
        bars[0].render_progress()

    def progress(rows: int) -> None:
        bars[0].update(rows)

    try:
        yield started, progress
    finally:
        for bar in bars:
            bar.render_finish()
