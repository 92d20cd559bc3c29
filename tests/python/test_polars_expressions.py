"""The Polars expression: the bits of `fastscore.predict` wherever an expression may stand.

`make polars` runs this file on every version of Polars that is supported, oldest to newest.
"""

import io
import pickle
import subprocess
import sys
from decimal import Decimal

import fastscore
import fastscore.polars as fp
import numpy as np
import polars as pl
import polars.selectors as cs
import pytest
from names import NAMES
from polars.testing import assert_frame_equal, assert_series_equal
from sklearn.linear_model import LinearRegression

VERSION = tuple(int(part) for part in pl.__version__.split(".")[:2])
OUTPUTS = {
    "prediction": fp.predict,
    "probability": fp.predict_proba,
    "margin": fp.margin,
    "leaf": fp.leaf_index,
}
KINDS = [
    "tree values",
    "forest labels",
    "forest binary",
    "forest integers",
    "forest several labels",
    "forest several values",
    "linear",
    "linear several",
    "logistic labels",
    "lgbm labels",
    "lgbm binary",
    "booster",
]
COMPUTE_ERROR = pl.exceptions.ComputeError


@pytest.fixture(scope="module")
def df(frame):
    """The model's columns in another order, with others around them."""
    columns = {name: frame[name].to_numpy() for name in reversed(NAMES)}
    return pl.DataFrame(
        {"id": np.arange(len(frame)), **columns, "group": np.arange(len(frame)) % 3}
    )


def streaming(lf: pl.LazyFrame) -> pl.DataFrame:
    """Collect by the streaming engine, whatever this version calls it."""
    if VERSION >= (1, 23):
        return lf.collect(engine="streaming")
    return lf.collect(streaming=True)


def eager(model, df, output="prediction", missing="source") -> pl.Series:
    """What `fastscore.predict` gives, as one column."""
    scores = fastscore.predict(df, model, output=output, missing=missing)
    return scores if isinstance(scores, pl.Series) else scores.to_struct(output)


class TestSameBits:
    @pytest.mark.parametrize("output", OUTPUTS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_output_and_engine(self, models, df, kind, output):
        model = models[kind]
        if output not in model.outputs:
            with pytest.raises(ValueError, match=f"has no output '{output}'"):
                OUTPUTS[output](model)
            return
        due = eager(model, df, output)
        expr = OUTPUTS[output](model)
        assert_series_equal(df.select(expr).to_series(), due, check_exact=True)
        lazy = df.lazy().select(expr)
        assert lazy.collect_schema() == {output: due.dtype}
        assert_series_equal(lazy.collect().to_series(), due, check_exact=True)
        assert_series_equal(streaming(lazy).to_series(), due, check_exact=True)

    @pytest.mark.parametrize("kind", KINDS)
    def test_few_rows(self, models, df, kind):
        """Up to 64 rows have a way of their own, where nothing is missing or refused."""
        model = models[kind]
        awkward = df.with_columns(
            pl.when(pl.col("id") == 3).then(float("nan")).otherwise("age").alias("age"),
            pl.when(pl.col("id") == 70).then(float("-inf")).otherwise("rate").alias("rate"),
            pl.when(pl.col("id") != 90).then("income").alias("income"),
        )
        for part in (
            df[:1],
            df[7:9],
            df[:64],
            df[:65],
            awkward[:5],
            awkward[68:80],
            awkward[80:99],
        ):
            for output in model.outputs:
                expr = OUTPUTS[output](model, missing="propagate")
                due = eager(model, part, output, "propagate")
                for _ in range(2):
                    assert_series_equal(part.select(expr).to_series(), due, check_exact=True)

    def test_many_rows_are_split_over_our_threads(self, models, df):
        many = pl.concat([df] * 500)
        assert many.height > 131_072
        for kind in ("booster", "forest labels"):
            model = models[kind]
            due = pl.concat([eager(model, df)] * 500)
            assert_series_equal(many.select(fp.predict(model)).to_series(), due)
            both = many.select(fp.predict(model).alias("a"), fp.margin(model).alias("b"))
            assert_series_equal(both["a"], due.alias("a"))
            limited = many.lazy().fastscore.predict(model, threads=1).collect()
            assert_series_equal(limited.to_series(), due)

    def test_transform(self, df, x):
        from sklearn.ensemble import RandomTreesEmbedding

        model = fastscore.import_model(
            RandomTreesEmbedding(3, max_depth=2, random_state=0, sparse_output=False).fit(x)
        )
        columns = [pl.col(name) for name in NAMES]
        due = model.transform(df.select(columns)).to_struct("transform")
        found = df.select(fp.transform(model, *columns)).to_series()
        assert_series_equal(found, due, check_exact=True)

    def test_score_samples(self, df, x):
        from sklearn.ensemble import IsolationForest

        model = fastscore.import_model(IsolationForest(n_estimators=5, random_state=0).fit(x))
        due = model.score_samples(df.select(NAMES))
        assert_series_equal(df.select(fp.score_samples(model, *NAMES)).to_series(), due)
        found = df.select(pl.col(NAMES).fastscore.score_samples(model)).to_series()
        assert_series_equal(found, due)

    def test_missing_becomes_null(self, models, df):
        model = models["linear"]
        holes = df.with_columns(pl.when(pl.col("id") % 7 != 3).then(pl.col("age")).alias("age"))
        with pytest.raises(COMPUTE_ERROR, match='column "age" has 43 missing value'):
            holes.select(fp.predict(model))
        found = holes.select(fp.predict(model, missing="propagate")).to_series()
        assert_series_equal(found, eager(model, holes, missing="propagate"))
        assert found.null_count() == 43
        labels = holes.select(
            fp.predict(models["logistic labels"], missing="propagate")
        ).to_series()
        assert labels.dtype == pl.String
        assert labels.null_count() == 43


class TestInputs:
    def test_ways_to_say_columns(self, models, df):
        model = models["forest labels"]
        due = eager(model, df)
        age = NAMES[0]
        for expr in [
            fp.predict(model),
            fp.predict(model, *NAMES),
            fp.predict(model, pl.all()),
            fp.predict(model, *(pl.col(name) for name in NAMES[3:]), cs.by_name(*NAMES[:3])),
            fp.predict(model, pl.struct(NAMES)),
            fp.predict(model, age, pl.struct(pl.all().exclude(age))),
            pl.col(NAMES).fastscore.predict(model),
            pl.col(*NAMES).fastscore.predict(model),
            pl.all().fastscore.predict(model),
            cs.by_name(*NAMES).fastscore.predict(model),
            cs.float().fastscore.predict(model),
            pl.struct(NAMES[::-1]).fastscore.predict(model),
            pl.struct(pl.all()).fastscore.predict(model),
        ]:
            assert_series_equal(df.select(expr).to_series(), due)

    def test_no_input_is_overwritten(self, models, df):
        model = models["lgbm binary"]
        wide = df.with_columns(
            fp.predict(model),
            fp.predict_proba(model),
            fp.margin(model),
            pl.col(NAMES).fastscore.leaf_index(model),
        )
        assert wide.columns == [*df.columns, "prediction", "probability", "margin", "leaf"]
        assert_frame_equal(wide.select(df.columns), df)
        assert df.select(fp.predict(model).alias("risk")).columns == ["risk"]
        named = df.select(fp.predict_proba(model)).unnest("probability")
        assert named.columns == ["probability_0", "probability_1"]
        field = df.select(fp.predict_proba(model).struct.field("probability_1")).to_series()
        assert_series_equal(field, named["probability_1"])

    def test_computed_columns(self, models, df):
        model = models["forest values"]
        doubled = df.with_columns(pl.col("age") * 2, (pl.col("income") + pl.col("rate")))
        found = df.select(
            fp.predict(model, pl.col("age") * 2, pl.col("income") + pl.col("rate"), *NAMES[2:])
        )
        assert_series_equal(found.to_series(), eager(model, doubled))

    @pytest.mark.parametrize("value", [1.5, 3, True, None], ids=str)
    def test_literals(self, models, df, value):
        model = models["booster"]
        constant = df.with_columns(pl.lit(value).alias("age"))
        expr = fp.predict(model, pl.lit(value).alias("age"), *NAMES[1:])
        due = eager(model, constant)
        assert_series_equal(df.select(expr).to_series(), due)
        assert_series_equal(streaming(df.lazy().select(expr)).to_series(), due)
        assert df.clear().select(expr).height == 0

    def test_only_literals(self, models):
        row = {name: 0.25 * i for i, name in enumerate(NAMES)}
        model = models["forest labels"]
        found = pl.select(fp.predict(model, *(pl.lit(v).alias(k) for k, v in row.items())))
        assert found.to_series().to_list() == model.predict([row])

    def test_by_position_without_names(self, models, df):
        model = models["nameless"]
        due = model.predict(df.select(NAMES))
        assert_series_equal(df.select(NAMES).select(fp.predict(model)).to_series(), due)
        renamed = df.select(pl.col(name).alias(f"c{i}") for i, name in enumerate(NAMES))
        assert_series_equal(renamed.select(fp.predict(model)).to_series(), due)
        assert_series_equal(df.select(pl.col(NAMES).fastscore.predict(model)).to_series(), due)
        with pytest.raises(COMPUTE_ERROR, match="the data has 8 columns, the model 6 features"):
            df.lazy().select(fp.predict(model)).collect_schema()

    def test_white_space_as_lightgbm_writes_it(self, df, x, score):
        import lightgbm as lgb

        names = ["my age", "my_income", "a.b", "c", "d e f", "zone"]
        booster = lgb.train(
            {"verbose": -1, "min_data_in_leaf": 5},
            lgb.Dataset(x, score, feature_name=[name.replace(" ", "_") for name in names]),
            5,
        )
        model = fastscore.import_model(booster)
        spaced = df.rename(dict(zip(NAMES, names, strict=True)))
        due = eager(model, spaced)
        assert_series_equal(spaced.select(fp.predict(model)).to_series(), due)
        assert_series_equal(spaced.lazy().fastscore.predict(model).collect().to_series(), due)

    @pytest.mark.parametrize(
        "names",
        [
            ["a", "ab", "abc", "abd", "b"],
            ["size (cm)", "size [cm]", "size.cm", "size_cm"],
            ["x*", "x+", "x?", "x$", "x|y", "{x}", "\\d", "é", "-"],
            ["a" * i for i in range(1, 40)],
        ],
    )
    def test_only_columns_of_these_very_names(self, names):
        """Older versions select them by a pattern."""
        x = np.random.default_rng(0).normal(size=(9, len(names)))
        model = fastscore.import_model(LinearRegression().fit(x, x[:, 0]), features=names)
        near = [name + "a" for name in names] + ["", "sizeXcm", "xx", "5"]
        rows = {name: x[:, i] for i, name in enumerate(names)}
        df = pl.DataFrame(rows | {name: "text" for name in near if name not in rows})
        selected = df.select(fp.own_columns(model._core)).columns
        assert sorted(selected) == sorted(names)
        same = df.select(fp.predict(model)).to_series()
        assert_series_equal(same, model.predict(df))

    def test_rows_of_one_struct_that_is_null(self, models, df):
        model = models["booster"]
        structs = df.select(
            pl.when(pl.col("id") != 5).then(pl.struct(NAMES)).alias("row"),
        )
        holes = df.with_columns(
            pl.when(pl.col("id") != 5).then(pl.col(name)).alias(name) for name in NAMES
        )
        assert_series_equal(
            structs.select(pl.col("row").fastscore.predict(model)).to_series(), eager(model, holes)
        )


class TestPlaces:
    """Wherever an expression may stand."""

    def test_group_by(self, models, df):
        model = models["forest labels"]
        due = (
            df.with_columns(eager(model, df).alias("prediction"))
            .group_by("group", maintain_order=True)
            .agg("prediction")
        )
        for expr in [fp.predict(model), pl.col(NAMES).fastscore.predict(model)]:
            assert_frame_equal(df.group_by("group", maintain_order=True).agg(expr), due)
        counted = df.group_by("group", maintain_order=True).agg(
            (fp.predict(model) == "high").sum().alias("high")
        )
        expected = (
            df.with_columns(eager(model, df).alias("p"))
            .group_by("group", maintain_order=True)
            .agg((pl.col("p") == "high").sum().alias("high"))
        )
        assert_frame_equal(counted, expected)

    def test_over(self, models, df):
        model = models["booster"]
        due = df.with_columns(eager(model, df).alias("p")).select(
            pl.col("p").mean().over("group").alias("prediction")
        )
        assert_frame_equal(df.select(fp.predict(model).mean().over("group")), due)
        same = df.select(fp.predict(model).over("group")).to_series()
        assert_series_equal(same, eager(model, df))

    def test_aggregated_inputs(self, models, df):
        model = models["booster"]
        means = df.group_by("group", maintain_order=True).agg(pl.col(NAMES).mean())
        found = df.group_by("group", maintain_order=True).agg(
            fp.predict(model, *(pl.col(name).mean() for name in NAMES))
        )
        np.testing.assert_array_equal(
            np.hstack(found["prediction"].to_list()), eager(model, means).to_numpy()
        )

    def test_filter_sort_and_arithmetic(self, models, df):
        model = models["booster"]
        scored = df.with_columns(eager(model, df).alias("p"))
        for engine in (pl.LazyFrame.collect, streaming):
            found = engine(df.lazy().filter(fp.predict(model) > 0.1).select("id"))
            assert_frame_equal(found, scored.filter(pl.col("p") > 0.1).select("id"))
        assert_frame_equal(df.sort(fp.predict(model)).select("id"), scored.sort("p").select("id"))
        found = df.select((fp.predict(model) * 2 - 1).round(3)).to_series()
        assert_series_equal(found, (eager(model, df) * 2 - 1).round(3))

    def test_twice_in_one_query(self, models, df):
        a, b = models["booster"], models["forest values"]
        found = (
            df.lazy()
            .select(
                fp.predict(a).alias("a"),
                fp.predict(b).alias("b"),
                (fp.predict(a) + fp.predict(b)).alias("c"),
            )
            .collect()
        )
        assert_series_equal(found["c"], (eager(a, df) + eager(b, df)).alias("c"))

    def test_a_score_of_scores(self, models, df):
        model = models["booster"]
        expr = fp.predict(model, fp.predict(model).alias("age"), *NAMES[1:])
        stacked = df.with_columns(eager(model, df).alias("age"))
        assert_series_equal(df.select(expr).to_series(), eager(model, stacked))

    def test_chunks_and_slices(self, models, df):
        model = models["booster"]
        chunked = pl.concat([df[:7], df[7:8], df[8:8], df[8:]], rechunk=False)
        assert chunked.n_chunks() > 2
        assert_series_equal(chunked.select(fp.predict(model)).to_series(), eager(model, df))
        for part in (df[13:57], chunked[5:11], df.lazy().slice(13, 44).collect(), df.tail(1)):
            assert_series_equal(part.select(fp.predict(model)).to_series(), eager(model, part))
        sliced = df.lazy().with_columns(fp.predict(model)).slice(13, 44).collect()
        assert_series_equal(sliced["prediction"], eager(model, df)[13:57])
        mixed = df.with_columns(pl.concat([df["age"][:100], df["age"][100:]], rechunk=False))
        assert_series_equal(mixed.select(fp.predict(model)).to_series(), eager(model, df))

    def test_no_rows(self, models, df):
        for kind in ("booster", "forest labels"):
            for output in ("prediction", "leaf"):
                due = eager(models[kind], df, output).clear()
                found = df.clear().select(OUTPUTS[output](models[kind])).to_series()
                assert_series_equal(found, due)

    def test_files(self, models, df, tmp_path):
        model = models["lgbm labels"]
        many = pl.concat([df] * 40)
        many.write_parquet(tmp_path / "in.parquet", row_group_size=1000)
        scan = pl.scan_parquet(tmp_path / "in.parquet")
        due = many.with_columns(eager(model, many).alias("prediction"))
        assert_frame_equal(scan.with_columns(fp.predict(model)).collect(), due)
        assert_frame_equal(streaming(scan.with_columns(fp.predict(model))), due)
        scan.with_columns(fp.predict(model)).sink_parquet(tmp_path / "out.parquet")
        assert_frame_equal(pl.read_parquet(tmp_path / "out.parquet"), due)

    def test_only_the_columns_of_the_model_are_read(self, models, df, tmp_path):
        """A column that can't be decoded proves it: reading it fails."""
        import pyarrow.parquet as pq

        model = models["booster"]
        path = tmp_path / "in.parquet"
        df.with_columns(other=pl.col("id") * 7).write_parquet(path, use_pyarrow=False)
        chunk = pq.ParquetFile(path).metadata.row_group(0).column(len(df.columns))
        assert chunk.path_in_schema == "other"
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        data = bytearray(path.read_bytes())
        data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
        path.write_bytes(data)
        scan = pl.scan_parquet(path)
        with pytest.raises(Exception, match=r"(?i)thrift|parquet|header|spec"):
            scan.with_columns(fp.predict(model)).collect()
        due = eager(model, df)
        assert_series_equal(scan.select(fp.predict(model)).collect().to_series(), due)
        assert_series_equal(scan.fastscore.predict(model).collect().to_series(), due)
        assert_series_equal(fastscore.predict(scan, model).collect().to_series(), due)
        plan = scan.select(fp.predict(model)).explain()
        assert f"PROJECT {len(NAMES)}/{len(df.columns) + 1} COLUMNS" in plan


class TestTypes:
    """Each value is converted on its own, as everywhere."""

    @pytest.mark.parametrize(
        "dtype",
        [
            pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64,
            pl.Float32, pl.Float64, pl.Boolean, pl.Decimal(10, 2), pl.Null,
            *(getattr(pl, name) for name in ("Int128", "UInt128", "Float16") if hasattr(pl, name)),
        ],
        ids=str,
    )  # fmt: skip
    def test_numbers(self, models, df, dtype):
        model = models["booster"]
        values = pl.Series("zone", [0, 1, None, 1, 0, 1] * 50, pl.Int64)
        typed = df.with_columns(
            values.cast(dtype) if dtype != pl.Null else pl.lit(None).alias("zone")
        )
        assert typed.schema["zone"] == dtype
        plain = typed.with_columns(pl.col("zone").cast(pl.Float64))
        due = eager(model, plain)
        assert_series_equal(typed.select(fp.predict(model)).to_series(), due)
        assert_series_equal(typed.select(fp.predict(model, pl.struct(NAMES))).to_series(), due)
        assert_series_equal(streaming(typed.lazy().select(fp.predict(model))).to_series(), due)
        assert_series_equal(eager(model, typed), due)

    def test_decimals_round_to_nearest(self, models, df):
        model = models["booster"]
        exact = [Decimal("0.10"), Decimal("-1.15"), None, Decimal("12345678901234.56")] * 75
        typed = df.with_columns(pl.Series("age", exact, pl.Decimal(20, 2)))
        plain = df.with_columns(
            pl.Series("age", [None if x is None else float(x) for x in exact], pl.Float64)
        )
        assert_series_equal(typed.select(fp.predict(model)).to_series(), eager(model, plain))

    @pytest.mark.skipif(not hasattr(pl, "Int128"), reason="this Polars has no Int128")
    def test_wide_integers(self, models, df):
        model = models["booster"]
        wide = [2**100 + 1, -(2**100) - 1, None, 2**53 + 1, -1] * 60
        typed = df.with_columns(pl.Series("age", wide, pl.Int128))
        plain = df.with_columns(
            pl.Series("age", [None if x is None else float(x) for x in wide], pl.Float64)
        )
        assert_series_equal(typed.select(fp.predict(model)).to_series(), eager(model, plain))
        assert_series_equal(eager(model, typed), eager(model, plain))

    @pytest.mark.parametrize(
        "dtype",
        [pl.String, pl.Categorical, pl.Enum(["huge", "small", "tiny", "medium"])],
        ids=["String", "Categorical", "Enum"],
    )
    def test_categories(self, dtype):
        import lightgbm as lgb
        import pandas as pd

        rng = np.random.default_rng(3)
        sizes = rng.choice(["tiny", "small", "medium"], 400)
        data = pd.DataFrame({"size": pd.Categorical(sizes), "n": rng.normal(size=400)})
        target = (sizes == "small") + 0.1 * data["n"]
        booster = lgb.train({"verbose": -1, "min_data_in_leaf": 5}, lgb.Dataset(data, target), 5)
        model = fastscore.import_model(booster)
        due = model.predict(data).to_numpy()
        typed = pl.DataFrame({"n": data["n"].to_numpy(), "size": pl.Series(sizes).cast(dtype)})
        np.testing.assert_array_equal(typed.select(fp.predict(model)).to_series().to_numpy(), due)
        halves = pl.concat([typed[:150], typed[150:]], rechunk=False)
        np.testing.assert_array_equal(halves.select(fp.predict(model)).to_series().to_numpy(), due)
        streamed = streaming(typed.lazy().select(fp.predict(model))).to_series()
        np.testing.assert_array_equal(streamed.to_numpy(), due)
        constant = typed.select(
            fp.predict(model, pl.lit("small", pl.String).cast(dtype).alias("size"), "n")
        )
        small = model.predict(data.assign(size="small")).to_numpy()
        np.testing.assert_array_equal(constant.to_series().to_numpy(), small)
        strict = fastscore.import_model(booster, unknown={"size": "raise"})
        unknown = typed.with_columns(pl.lit("huge").cast(dtype).alias("size"))
        with pytest.raises(
            COMPUTE_ERROR, match=r'column "size" has 400 value.*the first in row 0: "huge"'
        ):
            unknown.select(fp.predict(strict))


class TestRefusals:
    def test_a_missing_column_at_schema_time(self, models, df):
        model = models["forest labels"]
        lazy = df.lazy().drop("age", "income").rename({"visits": "visit"})
        for frame in (
            lazy.select(fp.predict(model)),
            lazy.with_columns(pl.all().fastscore.predict(model)),
        ):
            with pytest.raises(
                COMPUTE_ERROR, match=r'lacks 3 column\(s\).*"age".*"income".*"visits"'
            ):
                frame.collect_schema()
        with pytest.raises(COMPUTE_ERROR, match=r'"visits" .did you mean "visit"'):
            lazy.select(pl.all().fastscore.predict(model)).collect_schema()
        for score in (lazy.fastscore.predict, lambda model: fastscore.predict(lazy, model)):
            with pytest.raises(
                fastscore.SchemaError, match=r'lacks 3 .*"visits" .did you mean "visit"'
            ):
                score(model)

    @pytest.mark.parametrize(
        ("column", "found"),
        [
            (pl.lit("3"), "Utf8View"),
            (pl.lit("2020-01-01").str.to_date(), "Date32"),
            (pl.duration(days=1), "Duration"),
            (pl.lit(b"3"), "BinaryView"),
            (pl.concat_list(pl.lit(1.0), pl.lit(2.0)), "LargeList"),
        ],
    )
    def test_a_type_that_is_no_number_at_schema_time(self, models, df, column, found):
        wrong = df.lazy().with_columns(column.alias("age")).select(fp.predict(models["linear"]))
        with pytest.raises(
            COMPUTE_ERROR, match=rf'column "age" has the type {found}.*is a number; convert'
        ):
            wrong.collect_schema()

    def test_the_row_is_counted_in_what_polars_passed(self, models, df):
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer

        bad = df.with_columns(pl.when(pl.col("id") != 5).then("rate").alias("rate"))
        with pytest.raises(COMPUTE_ERROR, match=r"first in row 5.*passed 300 rows at once"):
            bad.select(fp.predict(models["linear"]))
        infinite = df.with_columns(pl.lit(float("inf")).alias("rate"))
        with pytest.raises(COMPUTE_ERROR, match="infinite or too large"):
            infinite.select(fp.predict(models["linear"]))
        logarithm = make_pipeline(FunctionTransformer(np.log), LinearRegression())
        model = fastscore.import_model(logarithm.fit(np.eye(5) + 1, np.arange(5.0)))
        negative = pl.DataFrame(np.diag([1.0, 1, 1, -1, 1]) + (np.eye(5) == 0))
        with pytest.raises(COMPUTE_ERROR, match=r"NaN in row 3 .*passed 5 rows at once"):
            negative.select(pl.all().fastscore.predict(model))

    def test_arguments(self, models, df):
        with pytest.raises(ValueError, match="has no output 'probability'"):
            pl.col(NAMES).fastscore.predict_proba(models["linear"])
        with pytest.raises(ValueError, match="missing='ignore' is not known"):
            fp.predict(models["linear"], missing="ignore")
        with pytest.raises(TypeError, match="the data come first"):
            fp.predict(df)
        with pytest.raises(COMPUTE_ERROR, match=r"the data lacks 6 column\(s\)"):
            df.select(fp.predict(models["linear"], "id"))


class TestTravels:
    """The expression carries its model."""

    def test_the_query_outlives_the_model(self, sources, df):
        model = fastscore.import_model(sources["booster"])
        due = eager(model, df)
        lazy = df.lazy().select(fp.predict(model))
        del model
        assert_series_equal(lazy.collect().to_series(), due)

    def test_a_pickled_plan_in_another_process(self, models, df, tmp_path):
        df.write_parquet(tmp_path / "in.parquet", use_pyarrow=False)
        lazy = pl.scan_parquet(tmp_path / "in.parquet").select(
            "id", fp.predict(models["lgbm labels"]), fp.predict_proba(models["lgbm labels"])
        )
        (tmp_path / "plan.pickle").write_bytes(pickle.dumps(lazy))
        code = (
            "import pickle, sys, polars\n"
            "assert 'fastscore' not in sys.modules\n"
            f"lazy = pickle.load(open({str(tmp_path / 'plan.pickle')!r}, 'rb'))\n"
            "found = lazy.collect().to_dict(as_series=False)\n"
            f"pickle.dump(found, open({str(tmp_path / 'out')!r}, 'wb'))\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
        found = pickle.loads((tmp_path / "out").read_bytes())
        assert found == lazy.collect().to_dict(as_series=False)

    def test_a_serialised_expression(self, models, df):
        expr = fp.predict(models["booster"])
        again = pl.Expr.deserialize(io.BytesIO(expr.meta.serialize()))
        assert_series_equal(df.select(again).to_series(), eager(models["booster"], df))

    def test_a_key_without_its_bytes(self, models, df):
        good = models["booster"]._core.polars_arguments("prediction", "source", None)
        for changed, message in [
            ({"key": bytes(32)}, "do not have the SHA-256"),
            ({"key": bytes(32), "model": b""}, "do not have the SHA-256"),
            ({"key": b"short"}, "the model's key"),
            ({"output": "odds"}, 'output="odds" is not one of'),
            ({"missing": "no"}, 'missing="no" is not one of'),
            ({"other": "x"}, "an argument that is not known"),
            ({"threads": "many"}, "the number of threads"),
            ({"model": None}, "text or bytes are due"),
        ]:
            with pytest.raises(COMPUTE_ERROR, match=message):
                df.select(_plugin(good | changed))
        for name in good:
            with pytest.raises(COMPUTE_ERROR, match="an argument is missing"):
                df.select(_plugin({key: value for key, value in good.items() if key != name}))
        with pytest.raises(COMPUTE_ERROR, match=r"damaged .cut short"):
            df.select(_plugin({}))

    def test_many_models_at_once(self, df, x, score):
        """More than the cache keeps: each is read again when its turn comes."""
        from sklearn.linear_model import LinearRegression

        fitted = [LinearRegression().fit(x, score + i) for i in range(40)]
        imported = [fastscore.import_model(one, features=NAMES) for one in fitted]
        lazy = df.lazy().select(fp.predict(m).alias(str(i)) for i, m in enumerate(imported))
        due = [eager(model, df).alias(str(i)) for i, model in enumerate(imported)]
        del imported
        for _ in range(2):
            assert_frame_equal(lazy.collect(), pl.DataFrame(due))


def _plugin(arguments):
    from fastscore.polars import _PLUGIN
    from polars.plugins import register_plugin_function

    return register_plugin_function(
        plugin_path=_PLUGIN,
        function_name="score",
        args=[pl.col(NAMES)],
        kwargs=arguments,
        is_elementwise=True,
        input_wildcard_expansion=True,
        pass_name_to_apply=True,
    )


class TestNamespaces:
    @pytest.mark.parametrize("kind", ["forest labels", "booster", "forest several labels"])
    def test_frames(self, models, df, kind):
        model = models[kind]
        for name, output in {
            "predict": "prediction",
            "predict_proba": "probability",
            "margin": "margin",
            "leaf_index": "leaf",
        }.items():
            if output not in model.outputs:
                continue
            due = fastscore.predict(df, model, output=output)
            eager_scores = getattr(df.fastscore, name)(model)
            assert type(eager_scores) is type(due)
            lazy = getattr(df.lazy().fastscore, name)(model, threads=1)
            assert isinstance(lazy, pl.LazyFrame)
            if isinstance(due, pl.Series):
                assert_series_equal(eager_scores, due)
                due = due.to_frame()
            else:
                assert_frame_equal(eager_scores, due)
            assert lazy.collect_schema() == due.schema
            assert_frame_equal(lazy.collect(), due)
            assert_frame_equal(streaming(lazy), due)

    @pytest.mark.parametrize("order", ["import fastscore, polars", "import polars, fastscore"])
    def test_either_order_of_imports(self, order):
        code = f"{order}; polars.col('a').fastscore; polars.DataFrame().fastscore"
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_no_import_of_polars_by_us(self):
        code = (
            "import sys, importlib.util, fastscore\n"
            "assert 'polars' not in sys.modules\n"
            "assert importlib.util.find_spec('polars') is not None\n"
            "assert 'polars' not in sys.modules\n"
            "import polars\n"
            "polars.col('a').fastscore\n"
            "assert not any('fastscore' in type(f).__module__ for f in sys.meta_path)\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
