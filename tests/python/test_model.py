"""`Model`: immutable, shared, saved, pickled, copied, shown."""

import copy
import os
import pickle
import stat
import subprocess
import sys
import threading

import fastscore
import numpy as np
import pytest


def test_immutable(models):
    model = models["forest labels"]
    for name in ("features", "classes_", "_core", "anything"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(model, name, 1)
    with pytest.raises(AttributeError, match="immutable"):
        del model._core
    with pytest.raises(ValueError, match="read-only"):
        model.classes_[0] = "x"
    assert not hasattr(model, "__dict__")


def test_attributes(models, frame, labels):
    model = models["forest labels"]
    assert model.n_features_in_ == 6
    assert model.feature_names_in_.dtype == object
    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert model.outputs == ("prediction", "probability", "margin", "leaf")
    assert model.classes_.tolist() == sorted(set(labels))
    first = model.features[0]
    assert first == fastscore.Feature("age", "number", True, None)
    assert models["linear"].features[0].may_be_missing is False
    with pytest.raises(AttributeError):
        first.name = "x"
    source = model.source
    assert (source.library, source.class_name) == ("scikit-learn", "RandomForestClassifier")
    assert source.version
    assert source.parameters["n_estimators"] == 4
    assert model.explain_plan()


def test_what_a_model_lacks_is_an_attribute_error(models):
    assert not hasattr(models["forest values"], "classes_")
    assert not hasattr(models["booster"], "classes_")
    assert not hasattr(models["nameless"], "feature_names_in_")
    assert models["nameless"].features[0].name is None


def test_several_outputs_have_several_classes(models):
    classes = models["forest several labels"].classes_
    assert [part.tolist() for part in classes] == [["high", "low", "medium"], ["no", "yes"]]


def test_pickle_copy_equality(models, sources, x):
    for model in models.values():
        again = pickle.loads(pickle.dumps(model))
        assert again == model
        assert hash(again) == hash(model)
        assert again.outputs == model.outputs
        assert copy.deepcopy(model) == copy.copy(model) == model
        expected, found = model.predict(x), again.predict(x)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    assert models["linear"] != models["booster"]
    assert models["linear"] != 1
    assert fastscore.import_model(sources["linear"]) == models["linear"]
    assert len({models["linear"], fastscore.import_model(sources["linear"])}) == 1


def test_the_source_is_held_weakly_and_never_pickled(frame, score):
    import gc
    import weakref

    from sklearn.linear_model import Ridge

    source = Ridge().fit(frame, score)
    model = fastscore.import_model(source)
    assert model.verify(frame).ok
    with pytest.raises(ValueError, match="does not know its source"):
        pickle.loads(pickle.dumps(model)).verify(frame)
    seen = weakref.ref(source)
    del source
    gc.collect()
    assert seen() is None
    with pytest.raises(ValueError, match="no longer exists"):
        model.verify(frame)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_protocols(models, protocol):
    model = models["forest labels"]
    assert pickle.loads(pickle.dumps(model, protocol)) == model


def test_pickles_run_no_code_of_the_file(models):
    data = bytearray(pickle.dumps(models["linear"]))
    at = data.find(b"coefficients")
    data[at] ^= 1
    with pytest.raises(fastscore.ModelFormatError):
        pickle.loads(bytes(data))


class TestSave:
    def test_round_trip(self, models, x, tmp_path):
        for i, model in enumerate(models.values()):
            path = tmp_path / f"{i}.fscore"
            model.save(path)
            again = fastscore.load(path)
            assert again == model
            np.testing.assert_array_equal(again.predict(x), model.predict(x))
            again.save(str(tmp_path / "again"))
            assert (tmp_path / "again").read_bytes() == path.read_bytes()

    def test_replaces_whole_and_leaves_nothing_else(self, models, tmp_path):
        path = tmp_path / "m.fscore"
        models["linear"].save(path)
        models["booster"].save(path)
        assert fastscore.load(path) == models["booster"]
        assert os.listdir(tmp_path) == ["m.fscore"]
        assert stat.S_IMODE(path.stat().st_mode) & 0o400

    def test_a_failure_keeps_the_old_file(self, models, tmp_path, monkeypatch):
        path = tmp_path / "m.fscore"
        models["linear"].save(path)

        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            models["booster"].save(path)
        monkeypatch.undo()
        assert os.listdir(tmp_path) == ["m.fscore"]
        assert fastscore.load(path) == models["linear"]

    def test_paths(self, models, tmp_path):
        with pytest.raises(FileNotFoundError):
            models["linear"].save(tmp_path / "absent" / "m.fscore")
        with pytest.raises(OSError, match="it is a folder"):
            models["linear"].save(tmp_path)
        assert os.listdir(tmp_path) == []
        with pytest.raises(TypeError):
            models["linear"].save(1)


def test_repr(models, sources):
    for name, model in models.items():
        text = repr(model)
        assert type(sources[name]).__name__ in text
        assert "\n" not in text
        assert "<fastscore.Model" in text
    assert "without names" in repr(models["nameless"])


def test_html_escapes_names(frame, labels):
    from sklearn.tree import DecisionTreeClassifier

    evil = "<script>alert('x')</script>"
    tree = DecisionTreeClassifier(max_depth=2).fit(
        frame.rename(columns={"age": evil}), np.where(labels == "low", evil, labels.astype(object))
    )
    text = fastscore.import_model(tree)._repr_html_()
    assert "<script" not in text
    assert "&lt;script" in text


def test_transform_is_for_pipelines_without_a_predictor(models, x):
    with pytest.raises(fastscore.UnsupportedModelError, match="predict"):
        models["forest values"].transform(x)


def test_one_model_in_many_threads(models, x):
    model = models["forest labels"]
    expected = model.predict_proba(x)
    failures = []

    def work():
        for _ in range(30):
            if not np.array_equal(model.predict_proba(x), expected):
                failures.append(1)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


def test_importing_fastscore_imports_no_other_library():
    code = (
        "import sys, fastscore; others = {'pandas', 'polars', 'pyarrow', 'scipy', 'sklearn', "
        "'lightgbm', 'click'}; print(sorted(others & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names():
    assert all(hasattr(fastscore, name) for name in fastscore.__all__)
    assert fastscore.__version__
    errors = {
        "UnsupportedModelError": NotImplementedError,
        "ModelFormatError": ValueError,
        "SchemaError": ValueError,
        "MissingValueError": ValueError,
        "NonFiniteValueError": ValueError,
        "UnknownCategoryError": ValueError,
    }
    for name, builtin in errors.items():
        error = getattr(fastscore, name)
        assert issubclass(error, fastscore.FastscoreError)
        assert issubclass(error, builtin)


def test_save_follows_a_link_and_keeps_the_mode(models, tmp_path):
    path, link = tmp_path / "m.fscore", tmp_path / "link.fscore"
    models["linear"].save(path)
    path.chmod(0o640)
    link.symlink_to(path)
    models["booster"].save(link)
    assert link.is_symlink()
    assert fastscore.load(path) == models["booster"]
    assert path.stat().st_mode & 0o777 == 0o640


def test_modules_that_need_libraries_come_at_first_use():
    code = (
        "import fastscore; fastscore.polars.predict; fastscore.sklearn.Scorer; "
        "print(hasattr(fastscore, 'typo'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
