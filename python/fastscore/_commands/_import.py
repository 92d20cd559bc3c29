"""`fastscore import`: a source library's file -> `.fscore`."""

from __future__ import annotations

import re
from typing import Any

import click

import fastscore
from fastscore import _cli_types as types
from fastscore import _jobs
from fastscore._commands._describe import description, headline
from fastscore._commands._pickle import is_pickle_file, unpickle
from fastscore._commands._shared import JSON, TRUST, VERBOSE, core_of, examples, print_json
from fastscore._errors import FastscoreError, UnsupportedModelError


@click.command(
    "import",
    short_help="Turn a source library's model file into .fscore.",
    epilog=examples(
        "fastscore import model.txt --output churn.fscore",
        "fastscore import model.txt --output churn.fscore --classes no,yes --iterations 200",
        'fastscore import two.keras --output two.fscore --classes \'{"churn": ["no", "yes"]}\'',
        "fastscore import model.txt --output churn.fscore --categories categories.json",
        "fastscore import model.ubj --output churn.fscore --unknown plan=missing --missing -999",
        "fastscore import model.cbm --output churn.fscore --like booster",
        "fastscore import pipeline.joblib --output churn.fscore --trust-pickle",
    ),
)
@click.argument("file")
@click.option("--output", required=True, metavar="FILE", help="The .fscore file to write.")
@TRUST
@click.option(
    "--classes",
    type=types.Classes(),
    help='Class labels that the file lost, in order; of several outputs {"OUTPUT": [...], ...}.',
)
@click.option(
    "--features", type=types.List(), help="Column names for a model without names, in order."
)
@click.option("--iterations", type=click.IntRange(min=1), help="Use the first N iterations only.")
@click.option(
    "--categories",
    type=types.Categories(),
    metavar="FILE.json",
    help='Categories that the file lost: {"COLUMN": [...], ...}, in the order of their codes.',
)
@click.option(
    "--unknown",
    type=types.Policy(),
    multiple=True,
    metavar="COLUMN=raise|missing",
    help="What a value that is no category becomes, column by column.",
)
@click.option("--missing", type=float, metavar="X", help="XGBoost: what is missing besides NaN.")
@click.option(
    "--like",
    type=click.Choice(["booster", "estimator"]),
    help="XGBoost, CatBoost: predict as the library's base class or its scikit-learn class does.",
)
@JSON
@VERBOSE
def import_(
    file: str,
    output: str,
    trust_pickle: bool,
    classes: list[Any] | dict[str, list[Any]] | None,
    features: list[str] | None,
    iterations: int | None,
    categories: dict[str, list[Any]] | None,
    unknown: tuple[tuple[str, str], ...],
    missing: float | None,
    like: str | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Turn a source library's model file into a .fscore file: data only, no code.

    Pickles (.pkl, .joblib) run code when they are opened, so they need --trust-pickle, and the
    library that wrote them.
    """
    options = {
        "classes": classes,
        "features": features,
        "iterations": iterations,
        "categories": categories,
        "unknown": dict(unknown) or None,
        "missing": missing,
        "like": like,
    }
    given = {k: v for k, v in options.items() if v is not None}
    try:
        model = _source_model(file, trust_pickle, given)
    except UnsupportedModelError as error:
        if "categories=" not in str(error):
            raise
        raise UnsupportedModelError(f"{error} (here: --categories FILE.json)") from error
    except ValueError as error:
        if not given or isinstance(error, FastscoreError):
            raise
        message = str(error).replace("a dict, {output: labels}", 'a JSON object, {"OUTPUT": [...]}')
        message = re.sub(rf"\b({'|'.join(options)})=(?=[^\s:])", r"--\1 ", message)
        message = re.sub(rf"\b({'|'.join(options)})=", r"--\1", message)
        raise click.UsageError(message, click.get_current_context()) from error
    _jobs.check_output(output, [file], overwrite=True)
    with _jobs.writing(output):
        model.save(output)
    found = description(core_of(model), file)
    if as_json:
        print_json({"output": output, **found})
    else:
        click.echo(f"{headline(found)} -> {output}")
        for note in found["notes"]:
            click.echo(f"note: {note}")


def _source_model(file: str, trust_pickle: bool, options: dict[str, Any]) -> fastscore.Model:
    if trust_pickle and is_pickle_file(file):
        return fastscore.import_model(unpickle(file), **options)
    return fastscore.load(file, **options)
