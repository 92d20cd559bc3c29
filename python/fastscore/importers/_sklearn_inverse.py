"""`inverse_transform` of scikit-learn's transformers, as steps: for transformed targets.

Where the numbers are of width float32, scikit-learn rounds each operation of a scaler to it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastscore._errors import UnsupportedModelError
from fastscore.importers._builder import Builder
from fastscore.importers._flow import refuse, whole
from fastscore.importers._transform_shape import FUNCTIONS

_BOUND = 1e-7
"""Probabilities so near to 0 and 1 are the ends, for QuantileTransformer."""


def inverse(build: Builder, value: int, transformer: Any, *, narrow: bool, owner: str) -> int:
    """Return what `transformer.inverse_transform` makes of a value."""
    name = type(transformer).__name__
    module = type(transformer).__module__.split(".")[0]
    if name == "Pipeline" and module == "sklearn":
        for _, step in reversed(transformer.steps):
            if step is not None and step != "passthrough":
                value = inverse(build, value, step, narrow=narrow, owner=owner)
        return value
    if module != "sklearn" or name not in _INVERSES:
        raise UnsupportedModelError(
            f"{owner}: the inverse of a {name} is not supported; use one of "
            f"{', '.join(_INVERSES)} or a Pipeline of these"
        )
    if narrow and name not in _SCALERS and not _is_identity(transformer):
        raise UnsupportedModelError(
            f"{owner}: its regressor predicts float32, in which {name} computes its inverse; that "
            f"is not supported; use a regressor that predicts float64, or one of "
            f"{', '.join(_SCALERS)}"
        )
    width = "float32" if narrow else "float64"
    checks_missing = name == "FunctionTransformer"
    if not checks_missing or transformer.validate:
        frame = whole(value, build.width_of(value), width=width)
        refuse(
            build, frame, f"{owner}: {name}", missing=checks_missing, non_finite=True, width=width
        )
    return _INVERSES[name](build, value, transformer, narrow, owner)


def _is_identity(transformer: Any) -> bool:
    return getattr(transformer, "inverse_func", "") is None


def _scaled(
    build: Builder,
    value: int,
    narrow: bool,
    *,
    name: str,
    by: Any,
) -> int:
    """Return one operation of a scaler: `multiply`, `add`, `subtract` or `divide` by columns."""
    numbers = np.asarray(by, dtype=np.float64).ravel().tolist()
    count = build.width_of(value)
    if len(numbers) != count:
        raise UnsupportedModelError(
            f"a transformer of {len(numbers)} columns can't undo what gives {count}"
        )
    if name == "multiply":
        # Adding -0.0 changes nothing, not even a zero's sign.
        value = build.link(value, "affine", scale=numbers, shift=[-0.0] * count)
    elif name == "add":
        value = build.link(value, "affine", scale=[1.0] * count, shift=numbers)
    elif name == "subtract":
        value = build.link(value, "standardize", shift=numbers, scale=None)
    else:
        value = build.link(value, "standardize", shift=None, scale=numbers)
    return build.link(value, "round_to_float32") if narrow else value


def _standard(build: Builder, value: int, scaler: Any, narrow: bool, owner: str) -> int:
    scale, mean = scaler.scale_ if scaler.with_std else None, scaler.mean_
    if narrow and _rounds_parameters():
        scale = None if scale is None else np.asarray(scale, dtype=np.float32)
        mean = None if mean is None else np.asarray(mean, dtype=np.float32)
    if scale is not None:
        value = _scaled(build, value, narrow, name="multiply", by=scale)
    if scaler.with_mean:
        value = _scaled(build, value, narrow, name="add", by=mean)
    return value


def _rounds_parameters() -> bool:
    """Whether the running StandardScaler rounds its parameters to the width of the data."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler(with_mean=False).fit([[1.0], [2.0]])
    scaler.scale_ = np.array([1 + 2.0**-24])
    found = scaler.inverse_transform(np.array([[2.0**23 + 1]], dtype=np.float32))
    return bool(found[0, 0] == 2.0**23 + 1)


def _min_max(build: Builder, value: int, scaler: Any, narrow: bool, owner: str) -> int:
    value = _scaled(build, value, narrow, name="subtract", by=scaler.min_)
    return _scaled(build, value, narrow, name="divide", by=scaler.scale_)


def _max_abs(build: Builder, value: int, scaler: Any, narrow: bool, owner: str) -> int:
    return _scaled(build, value, narrow, name="multiply", by=scaler.scale_)


def _robust(build: Builder, value: int, scaler: Any, narrow: bool, owner: str) -> int:
    if scaler.with_scaling:
        value = _scaled(build, value, narrow, name="multiply", by=scaler.scale_)
    if scaler.with_centering:
        value = _scaled(build, value, narrow, name="add", by=scaler.center_)
    return value


def _power(build: Builder, value: int, transformer: Any, narrow: bool, owner: str) -> int:
    if transformer.standardize:
        value = _standard(build, value, transformer._scaler, narrow, owner)
    name = {"box-cox": "inverse_box_cox", "yeo-johnson": "inverse_yeo_johnson"}
    lambdas = np.asarray(transformer.lambdas_, dtype=np.float64)
    return build.link(value, name[transformer.method], lambdas=lambdas.tolist())


def _quantile(build: Builder, value: int, transformer: Any, narrow: bool, owner: str) -> int:
    quantiles = np.asarray(transformer.quantiles_, dtype=np.float64)
    count = quantiles.shape[1]
    if transformer.output_distribution == "normal":
        value = _ends(build, _normal(build, value), count)
    return build.interpolate(value, np.tile(transformer.references_, (count, 1)), quantiles.T)


def _normal(build: Builder, value: int) -> int:
    """Return the normal distribution function, `(1 + erf(x / sqrt(2))) / 2`."""
    value = build.link(
        build.link(value, "multiply", by=float(np.sqrt(0.5))), "ufunc", function="erf"
    )
    return build.link(build.link(value, "multiply", by=0.5), "add", value=0.5)


def _ends(build: Builder, value: int, count: int) -> int:
    """Return probabilities with those near to 0 and 1 made 0 and 1."""
    above = 1 - _BOUND
    while above + _BOUND > 1:
        above = float(np.nextafter(above, 0))
    while above + _BOUND <= 1:
        above = float(np.nextafter(above, 2))
    bins = build.bins(value, [[_BOUND, above]] * count)
    inside = build.equal(bins, 1.0)
    high = build.equal(bins, 2.0)
    kept = build.add({"op": "product", "inputs": [value, inside]})
    return build.add({"op": "sum", "inputs": [kept, high]})


def _function(build: Builder, value: int, transformer: Any, narrow: bool, owner: str) -> int:
    function = transformer.inverse_func
    if function is None:
        return value
    if transformer.inv_kw_args:
        raise UnsupportedModelError(
            f"{owner}: inv_kw_args={transformer.inv_kw_args!r} are not supported; use a NumPy "
            "function that needs none"
        )
    return ufunc(build, value, function, owner)


def ufunc(build: Builder, value: int, function: Any, owner: str) -> int:
    """Return a NumPy function of a value."""
    name = getattr(function, "__name__", "")
    known = isinstance(function, np.ufunc) and getattr(np, name, None) is function
    if known and name == "positive":
        return value
    if not known or name not in FUNCTIONS:
        raise UnsupportedModelError(
            f"{owner}: inverse_func={function!r} is code, which can't be imported; supported are "
            f"{', '.join(f'numpy.{each}' for each in sorted(FUNCTIONS))}"
        )
    return build.link(value, "ufunc", function=FUNCTIONS[name])


_SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")
_INVERSES: dict[str, Callable[[Builder, int, Any, bool, str], int]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
    "PowerTransformer": _power,
    "QuantileTransformer": _quantile,
    "FunctionTransformer": _function,
}
