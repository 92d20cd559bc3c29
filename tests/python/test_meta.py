"""Meta-estimators: what they refuse, what they say of themselves, and pipelines inside them."""

import warnings

import fastscore
import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost
from fastscore import _shake
from fastscore.importers import _sklearn_multiclass
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn_checks import classes_of, table
from support import same_bits

X, SCORE = table(missing=False)
HOLES = X.copy()
HOLES[3, 1] = HOLES[7, 1] = np.nan


def forest():
    return RandomForestClassifier(3, max_depth=3, random_state=0)


def boosted():
    return HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5)


def two():
    return classes_of(SCORE, 2)


# --- what is refused


def test_what_a_member_refuses_names_the_column():
    source = VotingClassifier([("a", boosted()), ("b", LogisticRegression())]).fit(X, two())
    model = fastscore.import_model(source)
    with pytest.raises(
        fastscore.MissingValueError,
        match=r"column number 1 has 2 missing value\(s\) \(null or NaN\), the first in row 3",
    ):
        model.predict(HOLES)
    found = model.predict(HOLES, missing="propagate")
    assert found[3] is None
    assert found[7] is None
    np.testing.assert_array_equal(
        np.delete(found, [3, 7]), source.predict(np.delete(HOLES, [3, 7], 0))
    )
    assert not any(feature.may_be_missing for feature in model.features)


def test_members_that_take_missing_values():
    source = VotingClassifier([("a", boosted()), ("b", forest())]).fit(HOLES, two())
    model = fastscore.import_model(source)
    np.testing.assert_array_equal(model.predict(HOLES), source.predict(HOLES))
    assert all(feature.may_be_missing for feature in model.features)


def test_a_chain_refuses_what_its_members_take():
    labels = np.c_[two() > 0, SCORE > 1].astype(int)
    model = fastscore.import_model(ClassifierChain(boosted()).fit(X, labels))
    with pytest.raises(fastscore.MissingValueError):
        model.predict(HOLES)
    infinite = X.copy()
    infinite[5, 2] = np.inf
    with pytest.raises(fastscore.NonFiniteValueError):
        model.predict(infinite)


def test_a_dummy_takes_everything():
    model = fastscore.import_model(DummyClassifier().fit(X, two()))
    strange = np.full_like(X, np.nan)
    strange[0] = np.inf
    assert len(model.predict(strange)) == len(X)


def test_members_fitted_on_other_labels():
    """A frozen member predicts its own labels, where the others predict numbers of classes."""
    frozen = pytest.importorskip("sklearn.frozen").FrozenEstimator
    member = frozen(forest().fit(X, two() * 10 + 5))
    source = VotingClassifier([("a", forest()), ("b", member)]).fit(X, two())
    with pytest.raises(fastscore.UnsupportedModelError, match="fit it with the others"):
        fastscore.import_model(source)


def test_labels_that_no_estimator_computes_with():
    y = np.array(["a", "b"])[(two() > 0).astype(int)]
    source = StackingClassifier(
        [("a", forest().fit(X, y))], forest(), cv="prefit", stack_method="predict_proba"
    ).fit(X, y)
    fastscore.import_model(source)
    source.stack_method_ = ["predict"]
    with pytest.raises(fastscore.UnsupportedModelError, match="use labels that are"):
        fastscore.import_model(source)


def test_what_is_not_fitted():
    for source in (
        VotingClassifier([("a", forest())]),
        StackingRegressor([("a", LinearRegression())]),
        CalibratedClassifierCV(forest()),
        OneVsRestClassifier(forest()),
        MultiOutputClassifier(forest()),
        ClassifierChain(forest()),
        TransformedTargetRegressor(LinearRegression()),
        DummyClassifier(),
        GridSearchCV(forest(), {}),
    ):
        with pytest.raises(fastscore.UnsupportedModelError, match="is not fitted; call fit first"):
            fastscore.import_model(source)


def test_what_a_member_can_not_be_names_all_owners():
    from sklearn.neighbors import KNeighborsClassifier

    inner = VotingClassifier([("k", KNeighborsClassifier())])
    source = CalibratedClassifierCV(inner, cv=2)
    # A vote without probabilities or decisions is none that can be calibrated.
    inner.set_params(voting="soft")
    source.fit(X, two())
    with pytest.raises(fastscore.UnsupportedModelError) as error:
        fastscore.import_model(source)
    message = str(error.value)
    assert message.index("CalibratedClassifierCV") < message.index("VotingClassifier")
    assert "KNeighborsClassifier" in message


# --- what they say of themselves


def frame():
    return pd.DataFrame(X, columns=list("abcde"))


@pytest.mark.parametrize(
    "source",
    [
        VotingClassifier([("a", forest()), ("b", boosted())]),
        StackingClassifier([("a", forest()), ("b", boosted())], forest(), cv=2),
        CalibratedClassifierCV(forest(), cv=2),
        OneVsRestClassifier(forest()),
        GridSearchCV(forest(), {}, cv=2),
    ],
    ids=lambda source: type(source).__name__,
)
def test_names_and_classes_are_the_sources(source):
    y = np.array(["low", "high", "mid"])[(classes_of(SCORE, 3) + 1) // 3]
    model = fastscore.import_model(source.fit(frame(), y))
    assert model.n_features_in_ == source.n_features_in_
    np.testing.assert_array_equal(model.feature_names_in_, source.feature_names_in_)
    np.testing.assert_array_equal(model.classes_, source.classes_)
    assert model.classes_.dtype == source.classes_.dtype
    assert model.source.class_name == type(source).__name__
    assert model.source.library == "scikit-learn"
    shuffled = frame()[list("edcba")]
    np.testing.assert_array_equal(model.predict(shuffled), source.predict(frame()))


def test_generated_names_are_none():
    source = VotingRegressor([("a", lightgbm.LGBMRegressor(n_estimators=2, verbose=-1))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source.fit(X, SCORE)
    model = fastscore.import_model(source)
    assert model.features[0].name is None


def test_a_search_says_what_it_found():
    source = GridSearchCV(
        lightgbm.LGBMClassifier(n_estimators=2, verbose=-1), {"max_depth": [2]}, cv=2
    ).fit(X, two())
    model = fastscore.import_model(source)
    assert any("best_estimator_: LGBMClassifier" in note for note in model.source.notes)
    assert model.verify(X).ok
    # What applies to its estimator applies to it.
    first = fastscore.import_model(source, iterations=1)
    want = source.best_estimator_.predict_proba(X, num_iteration=1)
    assert np.abs(first.predict_proba(X) - want).max() < 1e-15


def test_models_keep_in_files(tmp_path):
    source = StackingClassifier([("a", forest()), ("b", boosted())], forest(), cv=2).fit(X, two())
    model = fastscore.import_model(source)
    model.save(tmp_path / "stack.fscore")
    again = fastscore.load(tmp_path / "stack.fscore")
    same_bits(again.predict_proba(X), model.predict_proba(X))


# --- details


def test_older_versions_take_the_last_of_equal_classes(monkeypatch):
    """Whichever rule the running scikit-learn has, both are the rules of some version."""
    dummies = OneVsRestClassifier(DummyClassifier()).fit(X[:6], [0, 1, 2, 0, 1, 2])
    monkeypatch.setattr(_sklearn_multiclass, "_takes_the_last", lambda: True)
    assert set(fastscore.import_model(dummies).predict(X[:6])) == {2}
    monkeypatch.setattr(_sklearn_multiclass, "_takes_the_last", lambda: False)
    assert set(fastscore.import_model(dummies).predict(X[:6])) == {0}


@pytest.mark.parametrize("stay", [True, False])
def test_rows_without_any_share(monkeypatch, stay):
    """They are zeros, or 0 divided by 0, as the running scikit-learn has it."""
    never = DummyClassifier(strategy="constant", constant=0)
    source = OneVsRestClassifier(never).fit(X[:6], [0, 1, 2, 0, 1, 2])
    if _sklearn_multiclass._zeros_stay():
        assert (source.predict_proba(X[:6]) == 0).all()
    monkeypatch.setattr(_sklearn_multiclass, "_zeros_stay", lambda: stay)
    found = fastscore.import_model(source).predict_proba(X[:6])
    assert (found == 0).all() if stay else np.isnan(found).all()
    some = OneVsRestClassifier(forest()).fit(X, classes_of(SCORE, 3))
    same_bits(fastscore.import_model(some).predict_proba(X), some.predict_proba(X))


def test_scores_at_the_threshold():
    """A score equal to the threshold is of the positive class, its neighbour below is not."""
    model_selection = pytest.importorskip("sklearn.model_selection")
    fixed = model_selection.FixedThresholdClassifier
    y = (two() > 0).astype(int)
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    for share in np.unique(tree.predict_proba(X)[:, 1]):
        for threshold in (share, np.nextafter(share, 2), np.nextafter(share, -1)):
            for positive in (None, 0, 1):
                at = 1 - threshold if positive == 0 else threshold
                source = fixed(
                    DecisionTreeClassifier(max_depth=3, random_state=0),
                    threshold=float(at),
                    pos_label=positive,
                ).fit(X, y)
                model = fastscore.import_model(source)
                np.testing.assert_array_equal(model.predict(X), source.predict(X))


def test_scores_of_float32_at_the_threshold():
    """NumPy rounds a Python number to float32 before it compares."""
    model_selection = pytest.importorskip("sklearn.model_selection")
    y = (two() > 0).astype(int)
    booster = xgboost.XGBClassifier(n_estimators=2, max_depth=2)
    booster.fit(X, y)
    for share in np.unique(booster.predict_proba(X)[:, 1]).tolist():
        for threshold in (share, share + 1e-9, share - 1e-9):
            source = model_selection.FixedThresholdClassifier(
                xgboost.XGBClassifier(n_estimators=2, max_depth=2), threshold=threshold
            ).fit(X, y)
            model = fastscore.import_model(source)
            np.testing.assert_array_equal(model.predict(X), source.predict(X))


# --- pipelines inside


WORDS = ["red", "green", "blue", "ä"]


def mixed(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    colour = np.array([*WORDS, None], dtype=object)[rng.integers(0, 5, rows)]
    number = rng.normal(size=rows)
    number[rng.random(rows) < 0.1] = np.nan
    return pd.DataFrame({"number": number, "colour": colour, "count": rng.integers(0, 9, rows)})


def columns(encoder):
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["number", "count"]),
            ("words", encoder, ["colour"]),
        ]
    )


def one_hot():
    return OneHotEncoder(handle_unknown="ignore")


def ordinal():
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


def test_votes_of_pipelines_over_text():
    data = mixed()
    y = (data["count"] % 3).to_numpy()
    source = VotingClassifier(
        [
            ("linear", make_pipeline(columns(one_hot()), LogisticRegression())),
            ("trees", make_pipeline(columns(ordinal()), forest())),
            ("boosted", make_pipeline(columns(ordinal()), boosted())),
        ],
        voting="soft",
    ).fit(data, y)
    model = fastscore.import_model(source)
    fresh = mixed(seed=1)
    fresh.loc[4, "colour"] = "violet"
    expected = source.predict_proba(fresh)
    np.testing.assert_allclose(model.predict_proba(fresh), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(model.predict(fresh), source.predict(fresh))
    ours = model.predict_proba(fresh).to_numpy()
    arrow = pl.from_pandas(fresh)
    same_bits(model.predict_proba(arrow).to_numpy(), ours)
    same_bits(model.predict_proba(arrow.to_arrow()).to_pandas().to_numpy(), ours)


def test_a_stack_of_pipelines_over_text():
    data = mixed()
    y = data["count"] + data["number"].fillna(0)
    source = StackingRegressor(
        [
            ("linear", make_pipeline(columns(one_hot()), LinearRegression())),
            ("trees", make_pipeline(columns(ordinal()), RandomForestRegressor(3, random_state=0))),
        ],
        LinearRegression(),
        cv=2,
    ).fit(data, y)
    model = fastscore.import_model(source)
    np.testing.assert_allclose(model.predict(data), source.predict(data), rtol=1e-10)
    assert [feature.type for feature in model.features] == ["number", "category", "number"]


def test_a_search_over_a_pipeline():
    data = mixed()
    y = np.where(data["count"] > 4, "many", "few")
    source = GridSearchCV(
        make_pipeline(columns(one_hot()), LogisticRegression()),
        {"logisticregression__C": [0.1, 1.0]},
        cv=2,
    ).fit(data, y)
    model = fastscore.import_model(source)
    np.testing.assert_array_equal(model.predict(data), source.predict(data))
    assert model.verify(data).ok


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_verify_stands_in_for_members_that_are_called_by_keyword(method):
    """As scikit-learn 1.3's CalibratedClassifierCV does."""
    x = np.random.default_rng(0).normal(size=(60, 3))
    member = LogisticRegression().fit(x, x[:, 0] > 0)
    stand_in = _shake._Shaken(member, 1.0, np.random.default_rng(0), {})
    same_bits(getattr(stand_in, method)(X=x), getattr(stand_in, method)(x))


def test_a_pipeline_around_a_meta_estimator():
    data = mixed()
    y = data["count"].to_numpy() % 3
    source = make_pipeline(
        columns(one_hot()),
        CalibratedClassifierCV(OneVsRestClassifier(LogisticRegression()), cv=2),
    ).fit(data, y)
    model = fastscore.import_model(source)
    np.testing.assert_allclose(model.predict_proba(data), source.predict_proba(data), rtol=1e-10)
    target = TransformedTargetRegressor(
        make_pipeline(columns(ordinal()), HistGradientBoostingRegressor(max_iter=3)),
        transformer=StandardScaler(),
    ).fit(data, data["count"])
    same_bits(
        fastscore.import_model(target).predict(data).to_numpy(),
        target.predict(data),
    )


def test_members_share_text_but_not_its_policy():
    """An unknown word raises where one encoder raises, whatever the others do."""
    data = mixed()
    y = (data["count"] % 2).to_numpy()
    strict = OneHotEncoder(handle_unknown="error")
    source = VotingClassifier(
        [
            ("strict", make_pipeline(columns(strict), LogisticRegression())),
            ("mild", make_pipeline(columns(ordinal()), forest())),
        ]
    ).fit(data, y)
    model = fastscore.import_model(source)
    fresh = mixed(seed=1)
    np.testing.assert_array_equal(model.predict(fresh), source.predict(fresh))
    fresh.loc[4, "colour"] = "violet"
    with pytest.raises(fastscore.UnknownCategoryError, match="violet"):
        model.predict(fresh)
