"""XGBoost's files: of every version that writes JSON or UBJSON, and broken ones."""

import json
import pickle
from pathlib import Path

import fastscore
import numpy as np
import pytest
import xgboost as xgb
from fastscore import ModelFormatError, UnsupportedModelError
from support import same_bits
from xgboost_support import single_ulps, train

HERE = Path(__file__).parent.parent
GOLDEN = sorted(
    path for path in (HERE / "golden/xgboost").iterdir() if path.suffix in (".json", ".ubj")
)
EXPECTED = json.loads((HERE / "malformed/xgboost/expected.json").read_text())


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_golden_files(path):
    """Margins and leaves are what the version that wrote the file gave, to the bit."""
    due = np.load(path.with_suffix(".npz"))
    model = fastscore.load(path)
    x = due["x"]
    if path.stem.endswith("gblinear"):
        np.testing.assert_allclose(model.margin(x), due["margin"], rtol=0, atol=1e-5)
        return
    same_bits(model.margin(x), due["margin"])
    np.testing.assert_array_equal(model.leaf_index(x), due["leaf"])
    assert single_ulps(model.predict(x), due["prediction"]) <= 2
    major, minor = path.name[:2]
    assert model.source.version.startswith(f"{major}.{minor}")


def test_json_and_ubjson_are_one_model(tmp_path):
    for objective in ("reg:quantileerror", "multi:softprob", "binary:logistic"):
        source, _ = train(objective)
        source.save_model(tmp_path / "m.json")
        source.save_model(tmp_path / "m.ubj")
        text, binary = (fastscore.load(tmp_path / f"m.{ending}") for ending in ("json", "ubj"))
        assert text == binary
        parsed = json.loads((tmp_path / "m.json").read_text())
        (tmp_path / "spaced").write_text(json.dumps(parsed, indent=2))
        assert fastscore.load(tmp_path / "spaced") == text


def test_decimals_go_straight_to_float32(tmp_path):
    source, x = train(rounds=1)
    document = json.loads(bytes(source.save_raw("json")))
    tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
    leaf = tree["left_children"].index(-1)
    # Just above the middle of two float32: through float64 it would round twice, to even.
    digits = "1.00000005960464477540000001"
    tree["split_conditions"][leaf] = 0.123456789
    text = json.dumps(document).replace("0.123456789", digits)
    (tmp_path / "m").write_text(text)
    again = xgb.Booster()
    again.load_model(bytearray(text.encode()))
    model = fastscore.load(tmp_path / "m")
    same_bits(model.margin(x), again.predict(xgb.DMatrix(x), output_margin=True))


@pytest.mark.parametrize("name", EXPECTED)
def test_malformed_files(name):
    path = HERE / "malformed/xgboost" / name
    with pytest.raises(ModelFormatError, match=EXPECTED[name]) as caught:
        fastscore.load(path)
    assert name in str(caught.value)
    assert len(str(caught.value)) < 600


def changed(**changes):
    source, _ = train(rounds=1)
    text = bytes(source.save_raw("json")).decode()
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return text.encode()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"name":"gbtree"', '"name":"gbforest"', "gbforest.*gbtree, dart and gblinear"),
        ('"reg:squarederror"', '"reg:magic"', "reg:magic.*supported are reg:squarederror"),
    ],
)
def test_what_is_unknown_is_named(old, new, message, tmp_path):
    (tmp_path / "m").write_bytes(changed(one=(old, new)))
    with pytest.raises(UnsupportedModelError, match=message):
        fastscore.load(tmp_path / "m")


def test_old_binary_files_are_refused_with_the_line_that_converts(tmp_path):
    header = bytes(136)
    body = b"\x0f" + bytes(7) + b"binary:logistic" + b"\x06" + bytes(7) + b"gbtree" + bytes(200)
    for data in (b"binf" + header + body, header + body):
        (tmp_path / "m.model").write_bytes(data)
        with pytest.raises(UnsupportedModelError, match=r"binary format.*\n.*save_model"):
            fastscore.load(tmp_path / "m.model")


def test_the_state_of_a_booster_is_no_model(tmp_path):
    source, _ = train(rounds=1)
    state = source.__getstate__()["handle"]
    (tmp_path / "m").write_bytes(bytes(state))
    with pytest.raises((UnsupportedModelError, ModelFormatError), match="save_model"):
        fastscore.load(tmp_path / "m")
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(source))
    with pytest.raises(UnsupportedModelError, match="--trust-pickle"):
        fastscore.load(tmp_path / "m.pkl")


def test_keywords(tmp_path):
    source, x = train("binary:logistic")
    source.save_model(tmp_path / "m.json")
    named = fastscore.load(tmp_path / "m.json", features=list("vwxyz"), classes=["no", "yes"])
    assert named.feature_names_in_.tolist() == list("vwxyz")
    shares = source.predict(xgb.DMatrix(x))
    np.testing.assert_array_equal(named.predict(x), np.where(shares > 0.5, "yes", "no"))
    estimator = fastscore.load(tmp_path / "m.json", like="estimator")
    np.testing.assert_array_equal(estimator.predict(x), (shares > 0.5).astype(int))
    assert any("suggests" in note for note in estimator.source.notes)
    zero = fastscore.load(tmp_path / "m.json", missing=0)
    clean = np.nan_to_num(x)
    due = source.predict(xgb.DMatrix(clean, missing=0), output_margin=True)
    same_bits(zero.margin(clean), due)
    for keywords in ({"like": "forest"}, {"iterations": 99}, {"unknown": {"a": "raise"}}):
        with pytest.raises(ValueError, match=next(iter(keywords))):
            fastscore.load(tmp_path / "m.json", **keywords)
