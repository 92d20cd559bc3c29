"""`fastscore verify`: the source library against fastscore on a file's rows."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict
from typing import Any

import click

import fastscore
from fastscore import _jobs
from fastscore._against import open_file
from fastscore._commands._logs import without_logs
from fastscore._commands._pickle import is_pickle_file, unpickle
from fastscore._commands._shared import JSON, TRUST, VERBOSE, core_of, examples, print_json
from fastscore._errors import FastscoreError, MissingValueError, NonFiniteValueError
from fastscore._jobs import JobError
from fastscore._sources import check_kind


@click.command(
    short_help="Compare with the source library.",
    epilog=examples(
        "fastscore verify churn.fscore --against model.txt customers.parquet",
        "fastscore verify churn.fscore --against model.cbm customers.parquet",
        "fastscore verify churn.fscore --against pipeline.joblib customers.csv --trust-pickle",
    ),
)
@click.argument("model")
@click.argument("data")
@click.option(
    "--against",
    required=True,
    metavar="SOURCE",
    help="The model as LightGBM text, XGBoost JSON or UBJSON, CatBoost .cbm or JSON, ONNX, Keras's "
    ".keras or .h5, or a pickle.",
)
@TRUST
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="How many rows of DATA, from its beginning.",
)
@JSON
@VERBOSE
def verify(
    model: str,
    data: str,
    against: str,
    trust_pickle: bool,
    rows: int,
    as_json: bool,
    verbose: bool,
) -> None:
    """Compare with the source library on DATA: Parquet, Arrow or CSV.

    The exit code is 1 if a promise is broken.
    """
    loaded = fastscore.load(model)
    with without_logs() if loaded.source.library == "Keras" else contextlib.nullcontext():
        source = _opened(against, loaded, trust_pickle)
        table = _jobs.read_head(core_of(loaded), data, rows)
        try:
            report = loaded.verify(table, source)
        except (MissingValueError, NonFiniteValueError) as error:
            raise type(error)(f"{data}: {error}") from error
        except ValueError as error:
            raise JobError(f"{model} can't be verified against {against}: {error}") from error
    if as_json:
        print_json({**asdict(report), "ok": report.ok})
    else:
        click.echo(repr(report))
    if not report.ok:
        broken = ", ".join(check.output for check in report.checks if not check.ok)
        raise JobError(f"{model} does not keep what is promised: {broken}")


def _opened(file: str, model: fastscore.Model, trust_pickle: bool) -> Any:
    """Return the source library's own object of a file, checked to be of the model's library."""
    try:
        if os.path.isdir(file) or not is_pickle_file(file):
            return open_file(file, model)
        if not trust_pickle:
            raise JobError(
                f"{file} is a pickle, which runs code: add --trust-pickle if you trust it"
            )
        source = unpickle(file)
        check_kind(source, model)
    except FastscoreError:
        raise
    except (ImportError, TypeError, ValueError) as error:
        raise JobError(str(error) if file in str(error) else f"{file}: {error}") from error
    return source
