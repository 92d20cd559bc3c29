"""The commands of the command line, and what their options mean."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click

import fastscore
from fastscore import _cli_types as types
from fastscore import _core, _jobs
from fastscore._against import is_pickle_file, open_against, unpickle
from fastscore._errors import (
    FastscoreError,
    MissingValueError,
    NonFiniteValueError,
    UnsupportedModelError,
)
from fastscore._jobs import JobError
from fastscore._layout import OUTPUTS


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


_VERBOSE = click.option("--verbose", is_flag=True, help="Show the trace of an error.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
_TRUST = click.option(
    "--trust-pickle",
    is_flag=True,
    help="Unpickle the source. A pickle runs code: only for files that you trust.",
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_examples(
        "fastscore import model.txt --output churn.fscore",
        "fastscore score customers.parquet --model churn.fscore --output scores.parquet",
    ),
)
@click.version_option(_core.__version__, prog_name="fastscore")
def commands() -> None:
    """Score tables with trained models, fast and with the source library's own results."""


@commands.command(
    short_help="Score files: Parquet, Arrow IPC or CSV.",
    epilog=_examples(
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
    default="prediction",
    show_default=True,
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
@_JSON
@_VERBOSE
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
    core = _core_of(fastscore.load(model))
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
        _print_json(
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


@commands.command(
    "import",
    short_help="Turn a source library's model file into .fscore.",
    epilog=_examples(
        "fastscore import model.txt --output churn.fscore",
        "fastscore import model.txt --output churn.fscore --classes no,yes --iterations 200",
        "fastscore import model.txt --output churn.fscore --categories categories.json",
        "fastscore import model.ubj --output churn.fscore --unknown plan=missing --missing -999",
        "fastscore import model.cbm --output churn.fscore --like booster",
        "fastscore import pipeline.joblib --output churn.fscore --trust-pickle",
    ),
)
@click.argument("file")
@click.option("--output", required=True, metavar="FILE", help="The .fscore file to write.")
@_TRUST
@click.option("--classes", type=types.Classes(), help="Class labels that the file lost, in order.")
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
@_JSON
@_VERBOSE
def import_(
    file: str,
    output: str,
    trust_pickle: bool,
    classes: list[Any] | None,
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
        message = re.sub(rf"\b({'|'.join(options)})=(?=[^\s:])", r"--\1 ", str(error))
        message = re.sub(rf"\b({'|'.join(options)})=", r"--\1", message)
        raise click.UsageError(message, click.get_current_context()) from error
    _jobs.check_output(output, [file], overwrite=True)
    with _jobs.writing(output):
        model.save(output)
    found = _description(_core_of(model), file)
    if as_json:
        _print_json({"output": output, **found})
    else:
        click.echo(f"{_headline(found)} -> {output}")
        for note in found["notes"]:
            click.echo(f"note: {note}")


def _source_model(file: str, trust_pickle: bool, options: dict[str, Any]) -> fastscore.Model:
    if trust_pickle and is_pickle_file(file):
        return fastscore.import_model(unpickle(file), **options)
    return fastscore.load(file, **options)


@commands.command(
    short_help="Show what a model is.",
    epilog=_examples("fastscore inspect churn.fscore", "fastscore inspect model.txt --json"),
)
@click.argument("model")
@_JSON
@_VERBOSE
def inspect(model: str, as_json: bool, verbose: bool) -> None:
    """Show what a model is: its source, features, outputs, classes, steps, notes and plan."""
    core = _core_of(fastscore.load(model))
    found = _description(core, model)
    if as_json:
        _print_json(found)
        return
    click.echo(_headline(found))
    named = [feature["name"] for feature in found["features"]]
    unread = sum(not feature["read"] for feature in found["features"])
    rows = {
        "features": f"{len(named)}{f', {unread} not read' if unread else ''}: {_shortened(named)}"
        if core.feature_names is not None
        else f"{len(named)}, without names: columns are taken by position",
        "categories": "; ".join(
            f"{feature['name'] or at}: {_shortened(feature['categories'] or ['any'])}"
            + (f", unknown: {feature['unknown']}" if feature["unknown"] != "missing" else "")
            for at, feature in enumerate(found["features"])
            if "unknown" in feature
        ),
        "classes": "; ".join(_shortened(classes) for classes in found["classes"] if classes),
        "outputs": "; ".join(
            f"{name} ({_shortened(columns)})" for name, columns in found["outputs"].items()
        ),
        "steps": "; ".join(map(_step_text, found["steps"])),
        "notes": "; ".join(found["notes"]),
    }
    for name, text in rows.items():
        if text:
            click.echo(f"{name + ':':<12}{text}")
    click.echo("plan:")
    for line in found["plan"].splitlines():
        click.echo(f"  {line}")


def _shortened(items: Sequence[Any], most: int = 8) -> str:
    shown = ", ".join(map(str, items[:most]))
    return shown if len(items) <= most else f"{shown}, ... ({len(items)})"


def _step_text(step: dict[str, Any]) -> str:
    rest = ", ".join(f"{value} {key}" for key, value in step.items() if key != "op")
    return f"{step['op']} ({rest})" if rest else str(step["op"])


def _headline(found: dict[str, Any]) -> str:
    made_by = " ".join(filter(None, [found["library"], found["version"]]))
    counts = [f"{len(found['features'])} features"]
    counts += [f"{step['trees']} trees" for step in found["steps"] if "trees" in step]
    # Models of files have the library's name already.
    named = found["class"].startswith(found["library"])
    name = found["class"] if named else f"{found['class']} ({made_by})"
    return f"{name}, {', '.join(counts)}"


def _description(core: _core.Model, path: str) -> dict[str, Any]:
    """Gather what `inspect` tells, ready for JSON."""
    spec = json.loads(core.spec)
    source = spec["source"]
    outputs: dict[str, list[str]] = {}
    for output in OUTPUTS:
        try:
            outputs[output] = [name for target in core.column_names(output) for name in target]
        except ValueError:
            continue  # the model has no such output
    names: Sequence[str | None] = core.feature_names or [None] * core.n_features
    encoded = {
        entry["feature"]: {
            "categories": core.categories(entry["feature"]),
            "unknown": entry["unknown"],
        }
        for entry in spec["features"]["encodings"]
    }
    return {
        "model": path,
        "class": source["class"],
        "library": source["library"],
        "version": source["version"],
        "features": [
            {"name": name, "read": read} | encoded.get(at, {})
            for at, (name, read) in enumerate(zip(names, core.features_read, strict=True))
        ],
        "classes": [core.classes(i) for i in range(len(spec["targets"]))],
        "outputs": outputs,
        "steps": _steps(spec, core.to_bytes()),
        "notes": source.get("notes", []),
        "parameters": source.get("parameters", {}),
        "plan": core.explain(),
    }


def _steps(spec: dict[str, Any], data: bytes) -> list[dict[str, Any]]:
    """List the steps with their sizes, which stand in the header of the file."""
    tensors = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])

    def size(name: str, axis: int = 0) -> int:
        return int(tensors[name]["shape"][axis])

    found: list[dict[str, Any]] = []
    for step in spec["steps"]:
        if step["op"] == "forest":
            prefix = step["tensors"]
            sizes = {
                "trees": size(f"{prefix}.split_offset") - 1,
                "splits": size(f"{prefix}.threshold"),
                "leaves": size(f"{prefix}.leaf_id"),
            }
            found.append({"op": "forest", **sizes, "outputs": step["outputs"]})
        elif step["op"] == "linear":
            outputs, inputs = size(step["coefficients"]), size(step["coefficients"], 1)
            found.append({"op": "linear", "inputs": inputs, "outputs": outputs})
        else:
            kind = {"kind": step["kind"]["name"]} if "kind" in step else {}
            found.append({"op": step["op"]} | kind)
    return found


@commands.command(
    short_help="Compare with the source library.",
    epilog=_examples(
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
@_TRUST
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="How many rows of DATA, from its beginning.",
)
@_JSON
@_VERBOSE
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
    table = _jobs.read_head(_core_of(loaded), data, rows)
    try:
        report = loaded.verify(table, source)
    except (MissingValueError, NonFiniteValueError) as error:
        raise type(error)(f"{data}: {error}") from error
    except ValueError as error:
        raise JobError(f"{model} can't be verified against {against}: {error}") from error
    if as_json:
        _print_json({**asdict(report), "ok": report.ok})
    else:
        click.echo(repr(report))
    if not report.ok:
        broken = ", ".join(check.output for check in report.checks if not check.ok)
        raise JobError(f"{model} does not keep what is promised: {broken}")


def _core_of(model: fastscore.Model) -> _core.Model:
    return model._core


def _print_json(value: dict[str, Any]) -> None:
    text = json.dumps(_finite(value), default=str, ensure_ascii=False, allow_nan=False)
    click.echo(text)


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinities: null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
