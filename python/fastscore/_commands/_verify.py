"""`fastscore verify`: the source library against fastscore on a file's rows."""

from __future__ import annotations

from dataclasses import asdict

import click

import fastscore
from fastscore import _jobs
from fastscore._against import open_against
from fastscore._commands._shared import JSON, TRUST, VERBOSE, core_of, examples, print_json
from fastscore._errors import MissingValueError, NonFiniteValueError
from fastscore._jobs import JobError


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
    source = open_against(against, loaded, trust_pickle=trust_pickle)
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
