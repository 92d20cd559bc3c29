"""`fastscore score`: what comes out, for every way in and out."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import fastscore
import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pq
import pytest
from cli_support import Cli, process
from pyarrow import feather
from sklearn.linear_model import LinearRegression, LogisticRegression


def read(path: Path) -> pa.Table:
    if path.suffix == ".csv":
        return pa_csv.read_csv(path)
    if path.suffix == ".parquet":
        return pq.read_table(path)
    return feather.read_table(path)


# --- inputs ---


def write_parquet(table: pa.Table, folder: Path) -> Path:
    pq.write_table(table, folder / "in.parquet", row_group_size=700)
    return folder / "in.parquet"


def write_arrow_file(table: pa.Table, folder: Path) -> Path:
    with pa.ipc.new_file(folder / "in.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=700)
    return folder / "in.arrow"


def write_arrow_stream(table: pa.Table, folder: Path) -> Path:
    with pa.ipc.new_stream(folder / "in.arrows", table.schema) as writer:
        writer.write_table(table, max_chunksize=700)
    return folder / "in.arrows"


def write_feather(table: pa.Table, folder: Path) -> Path:
    feather.write_feather(table, folder / "in.feather", compression="zstd")
    return folder / "in.feather"


def write_csv(table: pa.Table, folder: Path) -> Path:
    pa_csv.write_csv(table, folder / "in.csv")
    return folder / "in.csv"


def write_csv_gz(table: pa.Table, folder: Path) -> Path:
    plain = write_csv(table, folder)
    path = folder / "in.csv.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    return path


def write_polars_csv(table: pa.Table, folder: Path) -> Path:
    pl.from_arrow(table).write_csv(folder / "in.csv")
    return folder / "in.csv"


def write_nameless(table: pa.Table, folder: Path) -> Path:
    """A name that says no format: the content does."""
    return write_parquet(table, folder).rename(folder / "part-0000")


def write_folder(table: pa.Table, folder: Path) -> Path:
    inner = folder / "in" / "2018"
    inner.mkdir(parents=True)
    pq.write_table(table.slice(0, 1500), folder / "in" / "2017.parquet")
    pq.write_table(table.slice(1500, 1500), inner / "a.parquet")
    pq.write_table(table.slice(3000), inner / "b.parquet")
    (folder / "in" / "_SUCCESS").touch()
    (folder / "in" / ".hidden").write_text("x")
    return folder / "in"


WRITERS = [
    write_parquet,
    write_arrow_file,
    write_arrow_stream,
    write_feather,
    write_csv,
    write_csv_gz,
    write_polars_csv,
    write_nameless,
    write_folder,
]


@pytest.mark.parametrize("write", WRITERS)
def test_every_input_gives_the_source_librarys_margins(
    cli: Cli,
    credit: pd.DataFrame,
    model: Path,
    margins: np.ndarray,
    tmp_path: Path,
    write: Callable[[pa.Table, Path], Path],
) -> None:
    source = write(pa.Table.from_pandas(credit, preserve_index=False), tmp_path)
    out = tmp_path / "out.parquet"

    report = cli(
        "score", source, "--model", model, "--output", out, "--outputs", "margin", "--json"
    )

    assert report.json()["rows"] == len(credit)
    np.testing.assert_array_equal(read(out)["margin"].to_numpy(), margins)


# --- outputs ---


@pytest.mark.parametrize("name", ["out.parquet", "out.arrow", "out.feather", "out.ipc", "out.csv"])
def test_every_output_format_holds_the_same(
    cli: Cli, parquet: Path, model: Path, margins: np.ndarray, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    ended = cli(
        "score", parquet, "--model", model, "--output", out, "--outputs", "margin", "--keep", "id"
    )
    assert ended.code == 0, ended.err
    table = read(out)
    assert table.column_names == ["id", "margin"]
    np.testing.assert_array_equal(table["margin"].to_numpy(), margins)
    assert table["id"].to_pylist() == list(range(1, len(margins) + 1))


@pytest.mark.parametrize(
    ("name", "compression"),
    [("out.parquet", "zstd"), ("out.parquet", "none"), ("out.arrow", "lz4"), ("out.csv", "gzip")],
)
def test_compression(
    cli: Cli, parquet: Path, model: Path, tmp_path: Path, name: str, compression: str
) -> None:
    out = tmp_path / name
    ended = cli("score", parquet, "--model", model, "--output", out, "--compression", compression)
    assert ended.code == 0, ended.err
    if compression == "gzip":
        out.write_bytes(gzip.decompress(out.read_bytes()))
    if name == "out.parquet":
        used = pq.read_metadata(out).row_group(0).column(0).compression
        assert used == {"zstd": "ZSTD", "none": "UNCOMPRESSED"}[compression]
    assert read(out).num_rows == pq.read_metadata(parquet).num_rows


def test_a_csv_gz_output_is_compressed(
    cli: Cli, parquet: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv.gz"
    assert cli("score", parquet, "--model", model, "--output", out).code == 0
    assert gzip.decompress(out.read_bytes()).startswith(b'"prediction"\n')


def test_format_overrides_the_name(cli: Cli, parquet: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores"
    ended = cli("score", parquet, "--model", model, "--output", out, "--format", "arrow")
    assert ended.code == 0, ended.err
    assert feather.read_table(out).column_names == ["prediction"]


def test_all_outputs_with_the_names_and_types_of_predict(
    cli: Cli,
    parquet: Path,
    credit: pd.DataFrame,
    columns: list[str],
    booster: lightgbm.Booster,
    model: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.parquet"
    ended = cli(
        "score",
        parquet,
        "--model",
        model,
        "--output",
        out,
        "--outputs",
        "leaf,prediction,probability,margin",
    )
    assert ended.code == 0, ended.err
    table = read(out)
    leaves = [f"leaf_{i}" for i in range(30)]
    probabilities = ["probability_0", "probability_1"]
    assert table.column_names == [*leaves, "prediction", *probabilities, "margin"]
    x = credit[columns]
    np.testing.assert_array_equal(
        table.select(leaves).to_pandas().to_numpy(), booster.predict(x, pred_leaf=True)
    )
    np.testing.assert_allclose(
        table["prediction"].to_numpy(), booster.predict(x), rtol=5e-16, atol=0
    )
    loaded = fastscore.load(model)
    for name, output in [("prediction", "prediction"), ("margin", "margin")]:
        ours = fastscore.predict(pa.Table.from_pandas(x), loaded, output=output)
        assert table[name].combine_chunks().equals(ours.combine_chunks())
    ours = fastscore.predict(pa.Table.from_pandas(x), loaded, output="probability")
    assert table.select(probabilities).combine_chunks().equals(ours.combine_chunks())


def test_class_labels_are_written_as_such(
    cli: Cli,
    credit: pd.DataFrame,
    columns: list[str],
    logistic: LogisticRegression,
    tmp_path: Path,
) -> None:
    known = credit.dropna(subset=columns)
    known.to_parquet(tmp_path / "in.parquet", index=False)
    fastscore.import_model(logistic).save(tmp_path / "m.fscore")
    out = tmp_path / "out.parquet"
    ended = cli(
        "score",
        tmp_path / "in.parquet",
        "--model",
        tmp_path / "m.fscore",
        "--output",
        out,
        "--outputs",
        "prediction,probability",
    )
    assert ended.code == 0, ended.err
    table = read(out)
    assert table.column_names == ["prediction", "probability_bad", "probability_good"]
    assert table["prediction"].to_pylist() == logistic.predict(known[columns]).tolist()


def test_rows_with_missing_values_get_no_score_under_propagate(
    cli: Cli,
    credit: pd.DataFrame,
    columns: list[str],
    logistic: LogisticRegression,
    parquet: Path,
    tmp_path: Path,
) -> None:
    """Logistic regression refuses missing values."""
    model, out = tmp_path / "m.fscore", tmp_path / "out.parquet"
    fastscore.import_model(logistic).save(model)
    arguments = ["score", parquet, "--model", model, "--output", out]
    error = cli(*arguments, "--batch-rows", 20).error()
    assert 'in.parquet, rows 20 to 39: column "Income"' in error.replace(parquet.name, "in.parquet")
    assert "row 29;" in error
    assert "--missing propagate" in error
    ended = cli(*arguments, "--missing", "propagate")
    assert ended.code == 0, ended.err
    missing = credit[columns].isna().any(axis=1)
    assert 0 < missing.sum() < len(credit)
    assert read(out)["prediction"].is_null().to_pylist() == missing.tolist()


@pytest.mark.parametrize("labels", [None, ["good", "bad"]])
@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz"])
def test_rows_without_a_score_are_rows_of_a_csv_of_one_column(
    cli: Cli,
    credit: pd.DataFrame,
    columns: list[str],
    parquet: Path,
    tmp_path: Path,
    labels: list[str] | None,
    name: str,
) -> None:
    """Readers skip blank lines."""
    known = credit.dropna(subset=columns)
    y = known["Status"] == "bad"
    if labels is None:
        source = LinearRegression().fit(known[columns], y)
    else:
        source = LogisticRegression(solver="newton-cholesky").fit(
            known[columns], np.take(labels, y)
        )
    model, out = tmp_path / "m.fscore", tmp_path / name
    fastscore.import_model(source).save(model)
    ended = cli(
        "score",
        parquet,
        "--model",
        model,
        "--output",
        out,
        "--missing",
        "propagate",
        "--batch-rows",
        20,
    )
    assert ended.code == 0, ended.err
    missing = credit[columns].isna().any(axis=1).tolist()
    assert 0 < sum(missing) < len(missing)
    assert pd.read_csv(out)["prediction"].isna().tolist() == missing
    blank = (None, "") if labels else (None,)
    found = pa_csv.read_csv(out)["prediction"].to_pylist()
    assert [value in blank for value in found] == missing
    found = pl.read_csv(out)["prediction"].to_list()
    assert [value in blank or pd.isna(value) for value in found] == missing


# --- columns ---


def test_repeated_outputs_add_up(cli: Cli, parquet: Path, model: Path, tmp_path: Path) -> None:
    arguments = ["score", parquet, "--model", model, "--output", tmp_path / "out.parquet"]
    ended = cli(*arguments, "--outputs", "margin", "--outputs", "prediction")
    assert ended.code == 0, ended.err
    assert read(tmp_path / "out.parquet").column_names == ["margin", "prediction"]
    assert "twice" in cli(*arguments, "--outputs", "margin", "--outputs", "margin").error(code=2)


def test_keep_all_and_the_order_of_keep(
    cli: Cli, parquet: Path, credit: pd.DataFrame, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    assert cli("score", parquet, "--model", model, "--output", out, "--keep", "all").code == 0
    table = read(out)
    assert table.column_names == [*credit.columns, "prediction"]
    pd.testing.assert_frame_equal(
        table.drop_columns("prediction").to_pandas(), pq.read_table(parquet).to_pandas()
    )

    ended = cli(
        "score", parquet, "--model", model, "--output", out, "--keep", "Status,id", "--keep", "Age"
    )
    assert ended.code == 0, ended.err
    assert read(out).column_names == ["Status", "id", "Age", "prediction"]


def test_only_what_is_needed_is_read(
    cli: Cli, credit: pd.DataFrame, model: Path, tmp_path: Path
) -> None:
    """A column that can't be decoded harms nobody who does not read it."""
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = pa.Table.from_pandas(credit, preserve_index=False)
    table = table.append_column("broken", pa.array(["z" * 50] * len(credit)))
    pq.write_table(table, source, compression="none", use_dictionary=False)
    data = bytearray(source.read_bytes())
    place = pq.read_metadata(source).row_group(0).column(table.num_columns - 1).data_page_offset
    data[place : place + 40] = b"\xff" * 40
    source.write_bytes(data)

    assert cli("score", source, "--model", model, "--output", out).code == 0
    error = cli("score", source, "--model", model, "--output", out, "--keep", "broken").error()
    assert "in.parquet can't be read" in error


def test_dictionaries_that_change_between_batches_are_kept_as_values(
    cli: Cli, credit: pd.DataFrame, model: Path, tmp_path: Path
) -> None:
    schema = pa.Table.from_pandas(credit, preserve_index=False).schema
    schema = schema.append(pa.field("kind", pa.dictionary(pa.int32(), pa.string())))
    source, out = tmp_path / "in.arrows", tmp_path / "out.arrow"
    with pa.ipc.new_stream(source, schema) as writer:
        for kinds in (["a", "b"], ["c", "a"]):
            part = pa.Table.from_pandas(credit.head(2), preserve_index=False)
            writer.write_table(part.append_column("kind", pa.array(kinds).dictionary_encode()))
    ended = cli(
        "score", source, "--model", model, "--output", out, "--keep", "kind", "--batch-rows", 2
    )
    assert ended.code == 0, ended.err
    assert read(out)["kind"].to_pylist() == ["a", "b", "c", "a"]


def test_a_model_without_names_takes_columns_by_position(
    cli: Cli, credit: pd.DataFrame, columns: list[str], tmp_path: Path
) -> None:
    known = credit.dropna(subset=columns)
    nameless = LogisticRegression(solver="newton-cholesky").fit(
        known[columns].to_numpy(), known["Status"]
    )
    fastscore.import_model(nameless).save(tmp_path / "m.fscore")
    known[["id", *columns]].to_parquet(tmp_path / "in.parquet", index=False)
    arguments = ["score", tmp_path / "in.parquet", "--model", tmp_path / "m.fscore", "--output"]
    out = tmp_path / "out.parquet"

    error = cli(*arguments, out).error()
    assert "the data has 10 columns, the model 9 features" in error
    assert "import it with --features; what --keep names is not counted" in error

    assert cli(*arguments, out, "--keep", "id").code == 0
    expected = nameless.predict(known[columns].to_numpy()).tolist()
    assert read(out)["prediction"].to_pylist() == expected
    assert read(out)["id"].to_pylist() == known["id"].tolist()


def test_white_space_in_names_as_lightgbm_reads_it(cli: Cli, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(500, 2)), columns=["net income", "age"])
    booster = lightgbm.train(
        {"objective": "regression", "num_threads": 1, "verbose": -1},
        lightgbm.Dataset(frame.to_numpy(), label=frame["age"], feature_name=["net_income", "age"]),
        num_boost_round=3,
    )
    booster.save_model(tmp_path / "m.txt")
    frame.to_parquet(tmp_path / "in.parquet", index=False)
    out = tmp_path / "out.parquet"
    ended = cli("score", tmp_path / "in.parquet", "--model", tmp_path / "m.txt", "--output", out)
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(
        read(out)["prediction"].to_numpy(), booster.predict(frame.to_numpy())
    )


def test_names_with_dots_beside_nested_columns(cli: Cli, tmp_path: Path) -> None:
    """Parquet's own paths have dots, too."""
    random = np.random.default_rng(0)
    names = ["a", "a.b", "c"]
    x = random.normal(size=(500, 3))
    booster = lightgbm.train(
        {"objective": "regression", "num_threads": 1, "verbose": -1},
        lightgbm.Dataset(x, label=x.sum(axis=1), feature_name=names),
        num_boost_round=3,
    )
    booster.save_model(tmp_path / "m.txt")
    nested = pa.array([{"a": 1, "b": "x"}] * 500)
    table = pa.table([nested, x[:, 2], x[:, 1], x[:, 0]], names=["c.a", "c", "a.b", "a"])
    pq.write_table(table, tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    ended = cli("score", tmp_path / "in.parquet", "--model", tmp_path / "m.txt", "--output", out)
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(read(out)["prediction"].to_numpy(), booster.predict(x))


@pytest.mark.parametrize("write", [write_parquet, write_arrow_file, write_csv])
def test_a_model_that_reads_no_column(
    cli: Cli,
    credit: pd.DataFrame,
    columns: list[str],
    tmp_path: Path,
    write: Callable[[pa.Table, Path], Path],
) -> None:
    constant = lightgbm.train(
        {"objective": "regression", "min_data_in_leaf": 10**6, "num_threads": 1, "verbose": -1},
        lightgbm.Dataset(credit[columns], label=credit["Price"]),
        num_boost_round=2,
    )
    constant.save_model(tmp_path / "m.txt")
    source = write(pa.Table.from_pandas(credit, preserve_index=False), tmp_path)
    out = tmp_path / "out.parquet"
    ended = cli("score", source, "--model", tmp_path / "m.txt", "--output", out)
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(
        read(out)["prediction"].to_numpy(), constant.predict(credit[columns])
    )


# --- many files ---


def test_files_are_one_data_set_in_the_order_given(
    cli: Cli, credit: pd.DataFrame, model: Path, margins: np.ndarray, tmp_path: Path
) -> None:
    table = pa.Table.from_pandas(credit, preserve_index=False)
    pq.write_table(table.slice(2000), tmp_path / "a.parquet")
    pa_csv.write_csv(table.slice(0, 2000).select(table.column_names[1:]), tmp_path / "b.csv")
    out = tmp_path / "out.parquet"
    ended = cli(
        "score",
        tmp_path / "b.csv",
        tmp_path / "a.parquet",
        "--model",
        model,
        "--output",
        out,
        "--outputs",
        "margin",
    )
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(read(out)["margin"].to_numpy(), margins)


def test_feature_types_may_differ_between_files(
    cli: Cli, credit: pd.DataFrame, model: Path, margins: np.ndarray, tmp_path: Path
) -> None:
    """pandas writes integers where nothing is missing, and floats elsewhere."""
    credit.head(2000).to_parquet(tmp_path / "a.parquet", index=False)
    credit.tail(-2000).astype({"Age": "float64", "Time": "int16"}).to_parquet(
        tmp_path / "b.parquet", index=False
    )
    out = tmp_path / "out.parquet"
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    ended = cli("score", *files, "--model", model, "--output", out, "--outputs", "margin")
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(read(out)["margin"].to_numpy(), margins)


def test_many_small_files_are_scored_together(
    cli: Cli, credit: pd.DataFrame, model: Path, margins: np.ndarray, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    table = pa.Table.from_pandas(credit, preserve_index=False)
    pa_dataset.write_dataset(
        table, folder, format="parquet", max_rows_per_file=40, max_rows_per_group=40
    )
    out = tmp_path / "out.parquet"
    ended = cli("score", folder, "--model", model, "--output", out, "--outputs", "margin")
    assert ended.code == 0, ended.err
    names = sorted(str(path) for path in folder.iterdir())
    order = np.concatenate([pq.read_table(name)["id"].to_numpy() for name in names])
    np.testing.assert_array_equal(read(out)["margin"].to_numpy(), margins[order - 1])


# --- no rows, one row ---


@pytest.mark.parametrize("write", [write_parquet, write_arrow_file, write_arrow_stream, write_csv])
@pytest.mark.parametrize("name", ["out.parquet", "out.arrow", "out.csv"])
def test_no_rows_give_the_whole_schema(
    cli: Cli,
    credit: pd.DataFrame,
    model: Path,
    tmp_path: Path,
    write: Callable[[pa.Table, Path], Path],
    name: str,
) -> None:
    table = pa.Table.from_pandas(credit, preserve_index=False)
    source, out = write(table.slice(0, 0), tmp_path), tmp_path / name
    ended = cli(
        "score",
        source,
        "--model",
        model,
        "--output",
        out,
        "--outputs",
        "prediction,leaf",
        "--keep",
        "id",
        "--json",
    )
    assert ended.json()["rows"] == 0
    if name == "out.csv":
        assert out.read_text().startswith('"id","prediction","leaf_0",')
        assert out.read_text().count("\n") == 1
    else:
        schema = read(out).schema
        assert read(out).num_rows == 0
        assert schema.field("prediction").type == pa.float64()
        assert schema.field("leaf_29").type == pa.int32()


@pytest.mark.parametrize("batch_rows", [1, 7, 4454, 10**9])
def test_batches_do_not_change_results(
    cli: Cli,
    credit: pd.DataFrame,
    model: Path,
    margins: np.ndarray,
    tmp_path: Path,
    batch_rows: int,
) -> None:
    rows = 100 if batch_rows == 1 else len(credit)
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    credit.head(rows).to_parquet(source, index=False, row_group_size=33)
    ended = cli(
        "score",
        source,
        "--model",
        model,
        "--output",
        out,
        "--outputs",
        "margin",
        "--batch-rows",
        batch_rows,
        "--threads",
        1,
    )
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(read(out)["margin"].to_numpy(), margins[:rows])


# --- CSV ---


def test_csv_keeps_text_as_it_is(
    cli: Cli, credit: pd.DataFrame, columns: list[str], model: Path, tmp_path: Path
) -> None:
    frame = credit[columns].head(3).assign(code=["007", "NA", 'say "hi",\nthere'])
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    frame.to_csv(source, index=False)
    ended = cli("score", source, "--model", model, "--output", out, "--keep", "code")
    assert ended.code == 0, ended.err
    kept = pd.read_csv(out, dtype={"code": str}, keep_default_na=False)["code"]
    assert kept.tolist() == frame["code"].tolist()


def test_csv_missing_values_and_spaces(
    cli: Cli, columns: list[str], model: Path, booster: lightgbm.Booster, tmp_path: Path
) -> None:
    cells = ["", "NA", "null", " 12 ", "1e3", "nan", "-0.0", "5", "12.50"]
    numbers = [np.nan, np.nan, np.nan, 12, 1000, np.nan, -0.0, 5, 12.5]
    source, out = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_text("\ufeff" + ",".join(columns) + "\r\n" + ",".join(cells) + "\r\n", "utf-8")
    ended = cli("score", source, "--model", model, "--output", out, "--outputs", "margin")
    assert ended.code == 0, ended.err
    expected = booster.predict(np.array([numbers]), raw_score=True)
    np.testing.assert_array_equal(read(out)["margin"].to_numpy(), expected)


def test_csv_booleans_count_as_numbers(cli: Cli, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = np.column_stack([random.integers(2, size=500), random.normal(size=500)])
    booster = lightgbm.train(
        {"objective": "regression", "num_threads": 1, "verbose": -1},
        lightgbm.Dataset(x, label=x.sum(axis=1), feature_name=["flag", "value"]),
        num_boost_round=5,
    )
    booster.save_model(tmp_path / "m.txt")
    pl.DataFrame({"flag": x[:, 0] == 1, "value": x[:, 1]}).write_csv(tmp_path / "in.csv")
    out = tmp_path / "out.parquet"
    ended = cli("score", tmp_path / "in.csv", "--model", tmp_path / "m.txt", "--output", out)
    assert ended.code == 0, ended.err
    np.testing.assert_array_equal(read(out)["prediction"].to_numpy(), booster.predict(x))


# --- stdin, stdout, the terminal ---


def test_arrow_stream_through_pipes(credit: pd.DataFrame, model: Path, margins: np.ndarray) -> None:
    table = pa.Table.from_pandas(credit, preserve_index=False)
    given = io.BytesIO()
    with pa.ipc.new_stream(given, table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
    child = process(
        "score", "-", "--model", model, "--output", "-", "--outputs", "margin", stdin=-1
    )
    out, err = child.communicate(given.getvalue())
    assert child.returncode == 0, err
    got = pa.ipc.open_stream(out).read_all()
    np.testing.assert_array_equal(got["margin"].to_numpy(), margins)


def test_csv_through_pipes(parquet: Path, model: Path, margins: np.ndarray) -> None:
    given = io.BytesIO()
    pa_csv.write_csv(pq.read_table(parquet), given)
    child = process(
        "score",
        "-",
        "--model",
        model,
        "--output",
        "-",
        "--format",
        "csv",
        "--outputs",
        "margin",
        stdin=-1,
    )
    out, err = child.communicate(given.getvalue())
    assert child.returncode == 0, err
    got = pa_csv.read_csv(io.BytesIO(out))
    np.testing.assert_array_equal(got["margin"].to_numpy(), margins)


def test_a_reader_that_goes_away_is_no_crash(parquet: Path, model: Path) -> None:
    with process("score", parquet, "--model", model, "--output", "-", "--outputs", "leaf") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait() == 1


def test_the_report(cli: Cli, parquet: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    ended = cli("score", parquet, "--model", model, "--output", out)
    assert ended.out == ""
    assert re.fullmatch(r"4,454 rows in [\d.]+ s \([\d,]+ rows/s\) -> .*out\.parquet\n", ended.err)

    report = cli("score", parquet, "--model", model, "--output", out, "--json")
    assert report.err == ""
    found = report.json()
    assert {**found, "seconds": 0, "rows_per_second": 0} == {
        "output": str(out),
        "rows": 4454,
        "seconds": 0,
        "rows_per_second": 0,
        "columns": ["prediction"],
    }
    assert found["rows_per_second"] == pytest.approx(4454 / found["seconds"])


def test_the_progress_bar_is_for_terminals(parquet: Path, model: Path, tmp_path: Path) -> None:
    main_end, child_end = os.openpty()
    out = tmp_path / "out.parquet"
    with process("score", parquet, "--model", model, "--output", out) as child:
        _, err = child.communicate()
        assert err.count(b"\n") == 1
        assert b"\r" not in err

    command = [sys.executable, "-m", "fastscore", "score", parquet, "--model", model]
    with subprocess.Popen(
        [*command, "--output", out, "--json"], stderr=child_end, stdout=-1
    ) as child:
        os.close(child_end)
        shown = b""
        while True:
            try:
                data = os.read(main_end, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data
        os.close(main_end)
        assert child.stdout is not None
        assert json.loads(child.stdout.read())["rows"] == 4454
    assert b"4454/4454" in shown


def test_spaces_and_other_scripts_in_paths(
    cli: Cli, parquet: Path, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "мои данные 数据"
    folder.mkdir()
    source, out = folder / "in put.parquet", folder / "résultat é.parquet"
    parquet.rename(source)
    copy = folder / "mo del.fscore"
    copy.write_bytes(model.read_bytes())
    ended = cli("score", source, "--model", copy, "--output", out)
    assert ended.code == 0, ended.err
    assert read(out).num_rows == 4454
