"""What goes wrong: one line that says what to do, the exit code, no output that looks whole."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from cli_support import Cli, process


@pytest.fixture
def table(credit: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(credit, preserve_index=False)


@pytest.fixture
def failing(cli: Cli, model: Path, tmp_path: Path) -> Callable[..., str]:
    """Score inputs that can't be scored: the error, after a look that nothing was written."""

    def run(*arguments: object) -> str:
        out = tmp_path / "out.parquet"
        error = cli("score", *arguments, "--model", model, "--output", out).error()
        assert not out.exists()
        return error

    return run


# --- inputs that can't be read ---


def test_no_such_input(failing: Callable[..., str], tmp_path: Path) -> None:
    assert "there is no file" in failing(tmp_path / "nothing.parquet")


def test_an_output_in_the_place_of_an_input(failing: Callable[..., str], parquet: Path) -> None:
    assert "--outputs prediction,margin" in failing(parquet, "margin")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_csv_of_another_separator(
    failing: Callable[..., str], credit: pd.DataFrame, tmp_path: Path, mark: str
) -> None:
    credit.to_csv(tmp_path / "other.csv", sep=mark, index=False)
    error = failing(tmp_path / "other.csv")
    assert f"separated by {mark!r}" in error
    assert "only commas" in error


def test_no_such_model(cli: Cli, parquet: Path, tmp_path: Path) -> None:
    error = cli("score", parquet, "--model", tmp_path / "no.fscore", "--output", "o.csv").error()
    assert "no.fscore" in error


def test_an_empty_folder(failing: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "has no files" in failing(tmp_path / "empty")


@pytest.mark.parametrize("ending", ["parquet", "arrow", "csv", "csv.gz"])
def test_an_empty_file(failing: Callable[..., str], tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"empty.{ending}"
    path.touch()
    assert f"empty.{ending}" in failing(path)


@pytest.mark.parametrize("ending", ["parquet", "arrow", "feather", "csv.gz"])
def test_a_file_that_is_something_else(
    failing: Callable[..., str], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"odd.{ending}"
    path.write_bytes(b"\x00\x01 not what it says \xff" * 100)
    assert f"odd.{ending}" in failing(path)


def test_a_file_of_no_known_format(failing: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    error = failing(path)
    assert "notes.txt" in error
    assert ".parquet" in error


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
def test_a_cut_parquet_file(
    failing: Callable[..., str], parquet: Path, tmp_path: Path, cut: float
) -> None:
    data = parquet.read_bytes()
    short = tmp_path / "short.parquet"
    short.write_bytes(data[: int(len(data) * cut)])
    assert "short.parquet can't be read" in failing(short)


def test_a_parquet_file_with_damaged_pages(
    failing: Callable[..., str], table: pa.Table, tmp_path: Path
) -> None:
    """The footer is whole: the damage shows when rows have been scored already."""
    path = tmp_path / "bad.parquet"
    pq.write_table(table, path, row_group_size=500, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(7)
    place = group.column(table.column_names.index("Income")).data_page_offset
    for i in range(place + 30, place + 60):
        data[i] ^= 0xFF
    path.write_bytes(data)
    assert "bad.parquet can't be read" in failing(path, "--batch-rows", 500)


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_cut_arrow_stream(
    failing: Callable[..., str], table: pa.Table, tmp_path: Path, cut: float
) -> None:
    path = tmp_path / "cut.arrows"
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=300)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    assert "cut.arrows can't be read" in failing(path)


def test_a_bad_number_in_csv(failing: Callable[..., str], table: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    frame = table.to_pandas().astype({"Age": object})
    frame.loc[3210, "Age"] = "n.a."
    frame.to_csv(path, index=False)
    error = failing(path)
    assert "bad.csv, row 3210 (line 3212), column 'Age': 'n.a.' is not a number" in error


def test_csv_lines_of_another_length(failing: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    names = "Seniority,Time,Age,Expenses,Income,Assets,Debt,Amount,Price"
    path.write_text(f"{names}\n1,2,3,4,5,6,7,8,9\n1,2,3\n")
    error = failing(path)
    assert "ragged.csv" in error
    assert "Expected 9 columns, got 3" in error


def test_a_bad_number_in_csv_from_a_pipe(model: Path, columns: list[str]) -> None:
    rows = f"{','.join(columns)}\n1,2,3,4,5,6,7,8,9\n1,2,3,4,5,6,7,8,nine\n"
    with process("score", "-", "--model", model, "--output", "-", stdin=-1) as child:
        _, err = child.communicate(rows.encode())
    assert child.returncode == 1
    assert err.startswith(b"error: standard input, row 1 (line 3), column 'Price': 'nine' is not")


def test_a_csv_row_that_is_too_long(
    failing: Callable[..., str], columns: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "long.csv"
    path.write_text(f"{','.join(columns)},note\n1,2,3,4,5,6,7,8,9,{'x' * 3_000_000}\n")
    assert "long.csv has a row of more than 1 MB" in failing(path)


def test_csv_that_is_not_utf_8(
    failing: Callable[..., str], columns: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "latin.csv"
    path.write_text(f"{','.join(columns)},note\n1,2,3,4,5,6,7,8,9,é\n", "latin-1")
    assert "save it as UTF-8" in failing(path, "--keep", "note")


def test_a_truncated_gzip(failing: Callable[..., str], table: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    with pa.CompressedOutputStream(path, "gzip") as out:
        pa_csv.write_csv(table, out)
    path.write_bytes(path.read_bytes()[:-2000])
    assert "cut.csv.gz" in failing(path)


# --- columns that do not fit ---


def test_missing_columns_are_all_named(
    failing: Callable[..., str], table: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(table.drop_columns(["Age", "Debt"]), tmp_path / "less.parquet")
    error = failing(tmp_path / "less.parquet")
    assert "less.parquet" in error
    assert "Age" in error
    assert "Debt" in error


def test_text_in_a_number_column(
    failing: Callable[..., str], table: pa.Table, tmp_path: Path
) -> None:
    place = table.column_names.index("Age")
    text = table.set_column(place, "Age", table["Age"].cast(pa.string()))
    pq.write_table(text, tmp_path / "text.parquet")
    error = failing(tmp_path / "text.parquet")
    assert "text.parquet" in error
    assert "Age" in error
    assert "cast" in error


def test_the_second_file_is_checked_before_the_first_is_scored(
    failing: Callable[..., str], parquet: Path, table: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(table.drop_columns("Price"), tmp_path / "second.parquet")
    error = failing(parquet, tmp_path / "second.parquet")
    assert "second.parquet" in error
    assert "Price" in error


def test_kept_columns_must_agree(
    failing: Callable[..., str], parquet: Path, table: pa.Table, tmp_path: Path
) -> None:
    other = table.set_column(0, "id", table["id"].cast(pa.string()))
    pq.write_table(other, tmp_path / "second.parquet")
    error = failing(parquet, tmp_path / "second.parquet", "--keep", "id")
    assert "second.parquet" in error
    assert "'id' is string" in error
    assert "int64 in" in error


@pytest.mark.parametrize("change", ["more", "less", "other order"])
def test_keep_all_needs_the_same_columns(
    failing: Callable[..., str], parquet: Path, table: pa.Table, tmp_path: Path, change: str
) -> None:
    if change == "more":
        table = table.append_column("extra", table["id"])
    elif change == "less":
        table = table.drop_columns("Status")
    else:
        table = table.select(table.column_names[::-1])
    pq.write_table(table, tmp_path / "second.parquet")
    error = failing(parquet, tmp_path / "second.parquet", "--keep", "all")
    assert "second.parquet" in error
    assert {"more": "'extra'", "less": "'Status'", "other order": "another order"}[change] in error


def test_a_kept_column_that_is_not_there(failing: Callable[..., str], parquet: Path) -> None:
    error = failing(parquet, "--keep", "status")
    assert "no column 'status'" in error
    assert "'Status'" in error


def test_a_kept_column_with_the_name_of_an_output(
    failing: Callable[..., str], table: pa.Table, tmp_path: Path
) -> None:
    pq.write_table(table.append_column("margin", table["id"]), tmp_path / "in.parquet")
    arguments = [tmp_path / "in.parquet", "--keep", "margin", "--outputs"]
    assert "'margin'" in failing(*arguments, "prediction,margin")


def test_two_columns_of_one_name(
    failing: Callable[..., str], table: pa.Table, tmp_path: Path
) -> None:
    with pa.ipc.new_file(
        tmp_path / "in.arrow", table.append_column("id", table["Age"]).schema
    ) as w:
        w.write_table(table.append_column("id", table["Age"]))
    assert "2 columns 'id'" in failing(tmp_path / "in.arrow", "--keep", "id")


def test_a_kept_column_that_csv_can_not_hold(
    cli: Cli, table: pa.Table, model: Path, tmp_path: Path
) -> None:
    lists = table.append_column("list", pa.array([[1, 2]] * len(table)))
    pq.write_table(lists, tmp_path / "in.parquet")
    arguments = ["score", tmp_path / "in.parquet", "--model", model, "--keep", "list"]
    assert cli(*arguments, "--output", tmp_path / "o.parquet").code == 0
    assert pq.read_table(tmp_path / "o.parquet")["list"].to_pylist()[-1] == [1, 2]
    error = cli(*arguments, "--output", tmp_path / "o.csv").error()
    assert "o.csv can't be written: Unsupported Type" in error
    assert not (tmp_path / "o.csv").exists()


def test_an_output_that_the_model_lacks(cli: Cli, credit: pd.DataFrame, tmp_path: Path) -> None:
    import fastscore
    from sklearn.linear_model import LinearRegression

    known = credit.dropna()
    fastscore.import_model(LinearRegression().fit(known[["Age"]], known["Price"])).save(
        tmp_path / "m.fscore"
    )
    known[["Age"]].to_parquet(tmp_path / "in.parquet")
    arguments = ["score", tmp_path / "in.parquet", "--model", tmp_path / "m.fscore"]
    out = tmp_path / "o.parquet"
    assert "leaf" in cli(*arguments, "--output", out, "--outputs", "leaf").error()
    assert not out.exists()


# --- wrong usage ---


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["score"], "INPUT"),
        (["score", "x.parquet"], "--model"),
        (["score", "x.parquet", "--model", "m"], "--output"),
        (["score", "x.parquet", "--model", "m", "--output", "o.xls"], "o.xls"),
        (["score", "x", "--model", "m", "--output", "o.csv", "--outputs", "odds"], "odds"),
        (["score", "x", "--model", "m", "--output", "o.csv", "--outputs", "leaf,leaf"], "twice"),
        (["score", "x", "--model", "m", "--output", "o.csv", "--threads", "0"], "threads"),
        (["score", "x", "--model", "m", "--output", "o.csv", "--threads", "many"], "many"),
        (["score", "x", "--model", "m", "--output", "o.csv", "--batch-rows", "0"], "batch-rows"),
        (["score", "x", "--model", "m", "--output", "o.csv", "--missing", "drop"], "drop"),
        (["score", "x", "--model", "m", "--output", "o.csv", "--compression", "zstd"], "gzip"),
        (["score", "x", "--model", "m", "--output", "-", "--json"], "stdout"),
        (["score", "x", "--model", "m", "--output", "o.csv", "--keep", "[1"], "JSON"),
        (["import", "x"], "--output"),
        (["import", "x", "--output", "m", "--iterations", "0"], "iterations"),
        (["verify", "m", "d"], "--against"),
        (["guess"], "guess"),
        (["score", "--guess"], "guess"),
    ],
)
def test_wrong_usage_ends_with_2(cli: Cli, arguments: list[str], said: str) -> None:
    error = cli(*arguments).error(2)
    assert said in error
    assert "--help` shows examples" in error


@pytest.mark.parametrize("name", ["FASTSCORE_THREADS", "OMP_NUM_THREADS"])
def test_junk_in_the_environment(
    failing: Callable[..., str], parquet: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("FASTSCORE_THREADS", raising=False)
    monkeypatch.setenv(name, "lots")
    assert name in failing(parquet)


@pytest.mark.parametrize("command", [(), ("score",), ("import",), ("inspect",), ("verify",)])
def test_help_shows_examples(cli: Cli, command: tuple[str, ...]) -> None:
    ended = cli(*command, "--help")
    assert ended.code == 0
    assert "Examples:\n    fastscore " in ended.out
    assert max(map(len, ended.out.splitlines())) <= 100


def test_version(cli: Cli) -> None:
    import fastscore

    assert cli("--version").out == f"fastscore, version {fastscore.__version__}\n"


def test_verbose_adds_the_trace(cli: Cli, tmp_path: Path) -> None:
    arguments = ["score", tmp_path / "no.csv", "--model", tmp_path / "no", "--output", "o.csv"]
    assert "Traceback" not in cli(*arguments).err
    ended = cli(*arguments, "--verbose")
    assert ended.code == 1
    assert ended.err.startswith("Traceback")
    assert ended.err.splitlines()[-1].startswith("error: ")


def test_what_nobody_foresaw_is_one_line_too(
    cli: Cli, parquet: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out\nof luck")

    monkeypatch.setattr("fastscore._jobs.writer", broken)
    out = tmp_path / "o.parquet"
    error = cli("score", parquet, "--model", model, "--output", out).error()
    assert error == "error: RuntimeError: out of luck (--verbose shows where)\n"
    assert not out.exists()


@pytest.mark.parametrize("lacking", ["click", "pyarrow"])
def test_without_the_extra(lacking: str) -> None:
    code = (
        f"import sys; sys.modules[{lacking!r}] = None; import fastscore._cli as c; exit(c.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the command line needs pyarrow and click: pip install ")
    assert done.stderr.count("\n") == 1


# --- outputs that can't be written ---


def test_the_output_is_an_input(cli: Cli, parquet: Path, model: Path, tmp_path: Path) -> None:
    before = parquet.read_bytes()
    other = tmp_path / "link.parquet"
    other.symlink_to(parquet)
    for out in (parquet, other):
        assert (
            "is also an input" in cli("score", parquet, "--model", model, "--output", out).error()
        )
    assert parquet.read_bytes() == before


def test_the_output_is_in_the_folder_that_is_read(
    cli: Cli, parquet: Path, model: Path, tmp_path: Path
) -> None:
    """The second run would read what the first one wrote."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(parquet, folder / "a.parquet")
    arguments = ["score", folder, "--model", model, "--output", folder / "scores.parquet"]
    assert cli(*arguments).code == 0
    assert "is also an input" in cli(*arguments).error()


def test_the_outputs_folder_is_not_there(
    cli: Cli, parquet: Path, model: Path, tmp_path: Path
) -> None:
    error = cli("score", parquet, "--model", model, "--output", tmp_path / "no" / "o.csv").error()
    assert "there is no folder" in error


def test_the_output_is_a_folder(cli: Cli, parquet: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "o.csv").mkdir()
    error = cli("score", parquet, "--model", model, "--output", tmp_path / "o.csv").error()
    assert "is a folder" in error


def test_an_output_is_replaced_unless_told_otherwise(
    cli: Cli, parquet: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    out.write_text("old")
    out.chmod(0o640)
    arguments = ["score", parquet, "--model", model, "--output", out]
    assert "exists already" in cli(*arguments, "--no-overwrite").error()
    assert out.read_text() == "old"
    assert cli(*arguments).code == 0
    assert pq.read_metadata(out).num_rows == 4454
    assert out.stat().st_mode & 0o777 == 0o640


def test_a_failed_job_leaves_the_old_output(
    cli: Cli, parquet: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    out.write_text("old")
    data = parquet.read_bytes()
    parquet.write_bytes(data[: len(data) // 2])
    cli("score", parquet, "--model", model, "--output", out).error()
    assert out.read_text() == "old"


def test_a_linked_output_stays_a_link(cli: Cli, parquet: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "out.parquet"
    link.symlink_to(tmp_path / "real" / "scores.parquet")
    assert cli("score", parquet, "--model", model, "--output", link).code == 0
    assert link.is_symlink()
    assert pq.read_metadata(link).num_rows == 4454


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("kind", ["parquet", "arrow", "csv"])
def test_a_full_device(cli: Cli, parquet: Path, model: Path, kind: str) -> None:
    arguments = ["score", parquet, "--model", model, "--output", "/dev/full", "--format", kind]
    error = cli(*arguments, "--outputs", "leaf,margin").error()
    assert "/dev/full can't be written" in error
    assert "No space left on device" in error


@pytest.mark.parametrize("name", ["out.parquet", "out.arrow", "out.csv", "out.csv.gz"])
def test_a_disk_that_fills(parquet: Path, model: Path, tmp_path: Path, name: str) -> None:
    """A limit on file size stands for the full disk: the write fails part of the way."""
    folder = tmp_path / "disk"
    folder.mkdir()
    limit = 100_000

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    child = process(
        "score",
        parquet,
        "--model",
        model,
        "--output",
        folder / name,
        "--outputs",
        "leaf,margin",
        preexec_fn=small_files,
    )
    _, err = child.communicate()
    assert child.returncode == 1
    assert err.startswith(b"error: "), err
    assert f"{name} can't be written".encode() in err
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(cli: Cli, parquet: Path, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    error = cli("score", parquet, "--model", model, "--output", folder / "o.csv").error()
    assert "Permission denied" in error


# --- interrupted ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_job_leaves_nothing(
    big_parquet: Path, model: Path, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    child = started(big_parquet, model, folder)
    child.send_signal(number)
    _, err = child.communicate(timeout=60)
    assert child.returncode == -number
    assert err == f"error: interrupted by {number.name}; nothing was written\n".encode()
    assert list(folder.iterdir()) == []


def test_a_killed_job_leaves_only_what_looks_temporary(
    big_parquet: Path, model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "out.csv").write_text("old")
    child = started(big_parquet, model, folder)
    child.kill()
    child.communicate()
    assert (folder / "out.csv").read_text() == "old"
    (left,) = [path for path in folder.iterdir() if path.name != "out.csv"]
    assert left.name.startswith(f".out.csv.fastscore-{child.pid}-")
    assert left.name.endswith(".tmp")
    left.unlink()


def started(source: Path, model: Path, folder: Path) -> subprocess.Popen[bytes]:
    """A job that has written some of its rows and is far from done."""
    # A child goes on ignoring what its parent ignores, as SIGHUP under nohup, and rightly so.
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in signals}
    try:
        child = process(
            "score", source, "--model", model, "--output", folder / "out.csv", "--outputs", "leaf"
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    deadline = time.monotonic() + 60
    while not any(path.suffix == ".tmp" and path.stat().st_size for path in folder.iterdir()):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline, "the job wrote nothing"
        time.sleep(0.005)
    return child


def test_jobs_that_write_the_same_output(parquet: Path, model: Path, tmp_path: Path) -> None:
    """The last one to end wins; never a mixture."""
    arguments = ["score", parquet, "--model", model, "--output", tmp_path / "out.parquet"]
    children = [process(*arguments, "--batch-rows", "50") for _ in range(4)]
    for child in children:
        _, err = child.communicate()
        assert child.returncode == 0, err
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 4454


@pytest.fixture(scope="module")
def big_parquet(credit: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big.parquet"
    table = pa.Table.from_pandas(credit, preserve_index=False)
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(40):
            writer.write_table(pa.concat_tables([table] * 25))
    return path


# --- memory ---


def peak_memory(*arguments: object) -> float:
    """Megabytes that a command had resident at most, files that it maps included."""
    code = "import fastscore._cli as c; print(c.main(), open('/proc/self/status').read())"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("0 "), done.stderr
    found = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert found
    return int(found[1]) * 1024 / 1e6


def write_large(path: Path, rows: int, columns: list[str], kind: str) -> None:
    random = np.random.default_rng(0)
    block = 100_000
    names = [*columns, *(f"unread_{i}" for i in range(11))]
    table = pa.table({name: random.normal(size=block) for name in names})
    if kind == "one batch":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write(pa.concat_tables([table] * (rows // block)).combine_chunks())
        return
    writers = {
        "parquet": lambda: pq.ParquetWriter(path, table.schema, use_dictionary=False),
        "file": lambda: pa.ipc.new_file(path, table.schema),
        "stream": lambda: pa.ipc.new_stream(path, table.schema),
        "csv": lambda: pa_csv.CSVWriter(path, table.schema),
    }
    if kind == "one group":
        whole = pa.concat_tables([table] * (rows // block))
        pq.write_table(whole, path, row_group_size=rows, use_dictionary=False)
        return
    with writers[kind]() as writer:
        for _ in range(rows // block):
            writer.write(table)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("kind", "ending", "rows"),
    [
        ("parquet", "parquet", 3_200_000),
        ("one group", "parquet", 3_200_000),
        ("file", "arrow", 3_200_000),
        ("one batch", "arrow", 3_200_000),
        ("stream", "arrow", 3_200_000),
        ("csv", "csv", 800_000),
    ],
)
def test_memory_does_not_grow_with_the_data(
    columns: list[str], tmp_path: Path, model: Path, kind: str, ending: str, rows: int
) -> None:
    """Eight times the rows, hundreds of megabytes more, take no more memory."""
    peaks = []
    for count in (rows // 8, rows):
        source = tmp_path / f"in.{ending}"
        write_large(source, count, columns, kind)
        out = tmp_path / "out.parquet"
        peaks.append(peak_memory("score", source, "--model", model, "--output", out))
        assert pq.read_metadata(out).num_rows == count
        size = source.stat().st_size / 1e6
        source.unlink()
        out.unlink()
    assert size > 300
    assert peaks[1] < peaks[0] + 100, peaks
    assert peaks[1] < size, (peaks, size)
