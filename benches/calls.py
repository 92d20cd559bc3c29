"""What a call costs besides the kernel: a row and a thousand, from each container.

    make calls

Linear models of 25 and 200 columns, which take next to no time of their own, and a LightGBM of 500
trees and 63 leaves for one row, beside ONNX Runtime and lleaves. Rounds of all ways in turns, the
best of each. What pyarrow itself takes to hand a table over is measured apart.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from expressions import best

Way = Callable[[], Any]
COLUMNS = (25, 200)
ROWS = (1, 1000)
CALL_SECONDS = 0.004
"""A round of a way is repeated for as long as this."""


def containers(x: Any, names: list[str]) -> dict[str, Any]:
    """The same rows in every container."""
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    columns = {name: np.ascontiguousarray(x[:, i]) for i, name in enumerate(names)}
    table = pa.table(columns)
    found = {
        "NumPy, C order": x,
        "NumPy, Fortran order": np.asfortranarray(x),
        "pyarrow RecordBatch": table.to_batches()[0],
        "pyarrow Table": table,
        "Polars": pl.DataFrame(columns),
        "pandas": pd.DataFrame(x, columns=names),
        "dict of arrays": columns,
    }
    if len(x) == 1:
        found["list of dicts"] = [{name: float(x[0, i]) for i, name in enumerate(names)}]
    else:
        parts = [table.slice(i * len(x) // 4, len(x) // 4) for i in range(4)]
        found["pyarrow Table, 4 chunks"] = pa.concat_tables(parts)
        mixed = pd.DataFrame(x, columns=names).assign(note="text")
        found["pandas, with a column of text"] = mixed.astype({names[0]: "float32"})
    return found


def of_linear(rows: int, columns: int) -> dict[str, Way]:
    import fastscore
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(0)
    names = [f"feature_{i}" for i in range(columns)]
    x = rng.standard_normal((max(rows, 2 * columns), columns))
    model = LinearRegression().fit(pd.DataFrame(x, columns=names), x @ rng.standard_normal(columns))
    scored = fastscore.import_model(model)
    data = containers(x[:rows], names)
    ways = {
        name: lambda container=container: scored.predict(container, threads=1)
        for name, container in data.items()
    }
    batch = data["pyarrow RecordBatch"]
    return ways | {"(RecordBatch's own export)": batch.__arrow_c_array__}


def of_lightgbm() -> dict[str, Way]:
    import fastscore
    from cases import LIGHTGBM
    from rivals.compilers import lleaves
    from rivals.onnx_runtime import prepare as onnx_runtime

    row = LIGHTGBM.x[:1]
    names = [f"feature_{i}" for i in range(row.shape[1])]
    model = fastscore.import_model(LIGHTGBM.model, features=names)
    ways: dict[str, Way] = {
        name: lambda container=container: model.margin(container, threads=1)
        for name, container in containers(row, names).items()
    }
    for name, prepare in {"ONNX Runtime": onnx_runtime, "lleaves": lleaves}.items():
        ready = prepare(LIGHTGBM, 1)
        rows = ready.convert(row)
        ways[name] = lambda ready=ready, rows=rows: ready.score(rows)
    return ways


def show(title: str, ways: dict[str, Way], rounds: int) -> None:
    def often(way: Way, calls: int) -> Way:
        return lambda: [way() for _ in range(calls)]

    calls = {name: max(1, int(CALL_SECONDS / took)) for name, took in best(ways, 3).items()}
    found = best({name: often(way, calls[name]) for name, way in ways.items()}, rounds)
    print(title)
    for name, seconds in found.items():
        print(f"  {name:32}{seconds / calls[name] * 1e6:9.2f} us a call", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--worker", action="store_true")
    arguments = parser.parse_args()
    if not arguments.worker:
        from cases import LIGHTGBM
        from run import environment, train

        train([LIGHTGBM])
        command = [sys.executable, __file__, "--worker", "--rounds", str(arguments.rounds)]
        subprocess.run(command, check=True, env=os.environ | environment(1))
        return
    for columns in COLUMNS:
        for rows in ROWS:
            title = f"{rows} row(s) x {columns} columns, linear"
            show(title, of_linear(rows, columns), 3 * arguments.rounds)
    show("1 row, LightGBM 500 x 63", of_lightgbm(), 3 * arguments.rounds)


if __name__ == "__main__":
    main()
