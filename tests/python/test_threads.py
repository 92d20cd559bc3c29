"""Threads, forks and signals: a row's result never depends on any of them."""

import os
import signal
import subprocess
import sys
import textwrap

import fastscore
import numpy as np
import pytest


@pytest.mark.parametrize(
    "name",
    ["forest labels", "forest values", "linear", "logistic labels", "lgbm labels", "booster"],
)
def test_results_do_not_depend_on_threads_batch_or_position(models, x, name):
    model = models[name]
    rng = np.random.default_rng(0)
    rows = x[rng.integers(0, len(x), 20_011)] + rng.normal(size=(20_011, 6)) * 0.1
    for output in model.outputs:
        expected = model.score(rows, output=output, threads=1)
        for threads in (2, 3, 16, None):
            np.testing.assert_array_equal(
                model.score(rows, output=output, threads=threads), expected
            )
        for step in (1, 7, 512, 513):
            some = range(0, 3000, max(step, 100))
            for start in some:
                part = model.score(rows[start : start + step], output=output, threads=1)
                np.testing.assert_array_equal(part, expected[start : start + step])
        order = rng.permutation(len(rows))
        np.testing.assert_array_equal(model.score(rows[order], output=output), expected[order])


@pytest.mark.parametrize("threads", [0, -1, -(2**40)])
def test_impossible_numbers_of_threads(models, x, threads):
    with pytest.raises(ValueError, match="threads"):
        models["forest values"].predict(x, threads=threads)


@pytest.mark.parametrize("threads", ["2", 1.5, [1]])
def test_threads_of_a_wrong_type(models, x, threads):
    with pytest.raises(TypeError):
        models["forest values"].predict(x, threads=threads)


def count(**variables) -> subprocess.CompletedProcess:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("FASTSCORE_THREADS", "OMP_NUM_THREADS")
    } | variables
    code = "from fastscore import _core; print(_core.thread_count(None))"
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_environment():
    assert count(FASTSCORE_THREADS="3", OMP_NUM_THREADS="5").stdout.strip() == "3"
    assert count(OMP_NUM_THREADS="5").stdout.strip() == "5"
    # A cgroup may allow fewer than the affinity does.
    assert 1 <= int(count().stdout) <= len(os.sched_getaffinity(0))
    for junk in ("0", "-1", "two", "1.5", "99999999999999999999"):
        failed = count(FASTSCORE_THREADS=junk)
        assert failed.returncode != 0
        assert "ValueError" in failed.stderr
        assert "FASTSCORE_THREADS" in failed.stderr


def test_affinity_limits_the_default():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity here")
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from fastscore import _core; print(_core.thread_count(None))"
    )
    environment = {
        k: v for k, v in os.environ.items() if k not in ("FASTSCORE_THREADS", "OMP_NUM_THREADS")
    }
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_predict_fork_predict(models, x):
    model = models["forest labels"]
    rows = np.tile(x, (334, 1))[:100_000]
    expected = model.predict_proba(rows, threads=2)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(60)
            found = model.predict_proba(rows, threads=2)
            code = 0 if np.array_equal(found, expected) else 2
        finally:
            os.write(writer, b"x")
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    np.testing.assert_array_equal(model.predict_proba(rows, threads=2), expected)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(models, x, method):
    """Models travel to worker processes by pickle."""
    code = textwrap.dedent(
        """
        import multiprocessing, pickle, sys, warnings
        import numpy as np
        warnings.simplefilter("ignore", DeprecationWarning)

        def work(job):
            model, rows = job
            return model.predict(rows, threads=2)

        if __name__ == "__main__":
            with open(sys.argv[1], "rb") as file:
                model, rows = pickle.load(file)
            expected = model.predict(rows, threads=2)
            with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
                found = pool.map(work, [(model, rows)] * 4)
            assert all(np.array_equal(part, expected) for part in found)
            print("ok")
        """
    )
    import pickle
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        script, data = Path(folder, "script.py"), Path(folder, "data")
        script.write_text(code)
        data.write_bytes(pickle.dumps((models["forest values"], np.tile(x, (100, 1)))))
        done = subprocess.run(
            [sys.executable, str(script), str(data), method],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.stdout.strip() == "ok", done.stderr


def test_ctrl_c_stops_a_long_call():
    """A signal during a call that takes many seconds ends it with KeyboardInterrupt."""
    code = textwrap.dedent(
        """
        import os, signal, threading
        import numpy as np
        from sklearn.ensemble import RandomForestRegressor
        import fastscore
        # A shell that starts the tests in the background lets them ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(2000, 4))
        forest = RandomForestRegressor(40, random_state=0).fit(x, x[:, 0] * x[:, 1])
        forest.estimators_ = forest.estimators_ * 25
        model = fastscore.import_model(forest)
        rows = np.tile(rng.normal(size=(20_000, 4)), (50, 1))
        model.predict(rows[:10])
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            model.predict(rows, threads=1)
        except KeyboardInterrupt:
            print("stopped")
        else:
            print("done")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "stopped"


def test_the_gil_is_not_held(models, x):
    """Another thread runs Python while a long call scores."""
    import threading
    import time

    model = models["forest values"]
    rows = np.tile(x, (10_000, 1))
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.perf_counter()
    model.predict(rows, threads=1)
    end = time.perf_counter()
    stop.set()
    thread.join()
    inside = sum(start < t < end for t in ticks)
    assert inside >= min(5, (end - start) / 0.02)


def test_version_of_the_module():
    assert fastscore._core.__version__ == fastscore.__version__
