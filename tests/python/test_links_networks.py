"""Links of networks against numbers of 50 digits, or SciPy, at both widths: within stated ulps."""

from decimal import Decimal, getcontext

import numpy as np
import pytest
from scipy import special
from support import same_bits
from test_links import link

getcontext().prec = 50
ONE, TWO = Decimal(1), Decimal(2)
WIDTHS = {"float32": np.float32, "float64": np.float64}


def exp(x):
    # Beyond, decimal's own range ends.
    return Decimal(0) if x < -20_000 else min(x, Decimal(20_000)).exp()


def log1p(x):
    # The logarithm of 1 + x loses what a tiny x has.
    return x - x * x / 2 + x**3 / 3 if abs(x) < Decimal("1e-15") else (ONE + x).ln()


def expm1(x):
    return x + x * x / 2 + x**3 / 6 if abs(x) < Decimal("1e-15") else exp(x) - 1


def sigmoid(x):
    return ONE / (ONE + exp(-x)) if x > 0 else exp(x) / (ONE + exp(x))


def softplus(x):
    return max(x, Decimal(0)) + log1p(exp(-abs(x)))


def tanh(x):
    return expm1(2 * x) / (expm1(2 * x) + 2)


def less_tanh(x):
    if abs(x) < Decimal("1e-6"):
        return x**3 / 3 - 2 * x**5 / 15
    return x - tanh(x)


PI = Decimal("3.14159265358979323846264338327950288419716939937510582")


def tanh_gelu(x):
    t = 2 * (TWO / PI).sqrt() * (x + Decimal("0.044715") * x**3)
    return x * sigmoid(t)


SELU = {"alpha": 1.6732631921768188, "gamma": 1.0507010221481323}
FUNCTIONS = {
    # name: (parameters, function, ulp at float32, ulp at float64)
    "elu": ({"alpha": 0.75}, lambda x: Decimal("0.75") * expm1(x) if x < 0 else x, 1.5, 1.6),
    "selu": (
        SELU,
        lambda x: Decimal(SELU["gamma"]) * (x if x > 0 else Decimal(SELU["alpha"]) * expm1(x)),
        2.0,
        1.7,
    ),
    "celu": ({"alpha": 0.5}, lambda x: expm1(x * 2) / 2 if x < 0 else x, 1.5, 1.1),
    "gelu": ({"approximate": True}, tanh_gelu, 3.0, 3.0),
    "swish": ({"alpha": 1.0}, lambda x: x * sigmoid(x), 3.0, 3.0),
    "logistic": ({}, sigmoid, 2.0, 2.0),
    "mish": ({}, lambda x: x * tanh(softplus(x)), 3.0, 3.0),
    "softplus": ({}, softplus, 2.0, 1.5),
    "log_sigmoid": ({}, lambda x: -softplus(-x), 2.0, 1.5),
    "ufunc": ({"function": "tanh"}, tanh, 2.1, 0.6),
    "tanh_shrink": ({}, less_tanh, 3.0, 2.5),
}


def numbers(width, count=1500):
    """Numbers of a width of all sizes that functions change over."""
    rng = np.random.default_rng(7)
    low = -87.0 if width == "float32" else -700.0
    parts = [
        rng.normal(0, 1, count),
        rng.uniform(low, 110, count),
        rng.normal(0, 6, count),
        rng.choice([-1, 1], count) * 10 ** rng.uniform(-37, 1, count),
        [np.log(2) * k / 2 for k in range(-20, 20)],
        [0.25, 0.75, 1.5, -1.5, 20, -20, 14.5, 1e-30, -1e-30, 1e30],
    ]
    x = np.concatenate(parts).astype(WIDTHS[width])
    edges = np.concatenate([np.nextafter(x[-60:], 0), np.nextafter(x[-60:], WIDTHS[width](1e30))])
    return np.concatenate([x, edges])


def off(ours, exact, width) -> float:
    """How many ulp of a width a number is from an exact one."""
    near = WIDTHS[width](float(exact))
    return float(abs(Decimal(float(ours)) - exact) / Decimal(float(np.spacing(abs(near)))))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_within_ulps(name, width):
    parameters, function, *bounds = FUNCTIONS[name]
    x = numbers(width)
    if name == "gelu":
        # Below, the exponential in it is subnormal.
        x = x[x > (-10 if width == "float32" else -21)]
    ours = link(x, name, width, **parameters).ravel()
    worst = max(
        (off(found, function(Decimal(float(value))), width), float(value))
        for value, found in zip(x, ours, strict=True)
    )
    assert worst[0] <= bounds[width == "float64"], worst


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("alpha", [1.75, -0.5, 3.25, 0.125])
def test_swish_of_other_alphas(alpha, width):
    """The product in it is rounded first."""
    x = numbers(width)
    # Below, the exponential in it is subnormal.
    x = x[alpha * x > (-80 if width == "float32" else -700)]
    ours = link(x, "swish", width, alpha=alpha).ravel()
    for value, found in zip(x, ours, strict=True):
        exact = Decimal(float(value)) * sigmoid(Decimal(alpha) * Decimal(float(value)))
        assert off(found, exact, width) <= 3 + abs(alpha * float(value)), value


@pytest.mark.parametrize("width", WIDTHS)
def test_celu_of_a_negative_alpha(width):
    x = numbers(width)
    x = x[np.abs(x) < (40 if width == "float32" else 300)]
    ours = link(x, "celu", width, alpha=-0.5).ravel()
    for value, found in zip(x, ours, strict=True):
        number = Decimal(float(value))
        exact = max(number, Decimal(0)) + min(Decimal(0), -expm1(-2 * number) / 2)
        assert off(found, exact, width) <= 5, value


@pytest.mark.parametrize("width", WIDTHS)
def test_gelu_is_that_of_scipy(width):
    x = numbers(width)
    ours = link(x, "gelu", width, approximate=False).ravel()
    theirs = x.astype(float) * special.ndtr(x.astype(float))
    if width == "float32":
        distance = np.abs(ours - theirs) / np.spacing(np.abs(theirs.astype("f")))
        assert distance[x > -1].max() <= 3
        assert distance[(x > -13) & (x < 0)].max() <= 7
        assert np.abs(ours - theirs)[x < -13].max() < 14 * 2.0**-126
    else:
        assert np.all(np.abs(ours - theirs) <= 2**-51 * np.abs(x))


ENDS = {
    "elu": ({"alpha": 0.5}, [-0.5, np.inf]),
    "selu": ({"alpha": 2.0, "gamma": 0.5}, [-1.0, np.inf]),
    "celu": ({"alpha": 0.5}, [-0.5, np.inf]),
    "gelu": ({"approximate": False}, [np.nan, np.inf]),
    "swish": ({"alpha": 1.0}, [np.nan, np.inf]),
    "logistic": ({}, [0.0, 1.0]),
    "mish": ({}, [np.nan, np.inf]),
    "softplus": ({}, [0.0, np.inf]),
    "log_sigmoid": ({}, [-np.inf, 0.0]),
    "ufunc": ({"function": "tanh"}, [-1.0, 1.0]),
    "tanh_shrink": ({}, [-np.inf, np.inf]),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ENDS)
def test_ends_and_missing_values(name, width):
    parameters, ends = ENDS[name]
    found = link([-np.inf, np.inf, np.nan], name, width, **parameters).ravel()
    # -log(1 + 0) is -0.
    np.testing.assert_array_equal(found, [*ends, np.nan])


def both(x, name, **parameters):
    """A link at both widths, of the same numbers."""
    wide = link(x, name, **parameters)
    return wide, link(x, name, "float32", **parameters)


def test_elementary_links_are_those_of_numpy():
    rng = np.random.default_rng(3)
    special_ones = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40, -0.5, 0.5, 2.5, -2.5, 3.0, -3.0]
    x = np.concatenate([rng.normal(0, 2, 1000), special_ones]).astype(np.float32)
    x = np.stack([x, x[::-1]], axis=1)
    f = np.float32
    wide = x.astype(float)

    def check(name, function, **parameters):
        ours, narrow = both(x, name, **parameters)
        with np.errstate(all="ignore"):
            same_bits(ours, function(wide))
            same_bits(narrow.astype(f), function(x))

    check("leaky_relu", lambda x: np.where(x < 0, x.dtype.type(0.25) * x, x), alpha=0.25)
    alphas = np.array([0.25, -1.5])
    slopes = lambda x: np.where(x < 0, alphas.astype(x.dtype) * x, x)  # noqa: E731
    check("prelu", slopes, alphas=[0.25, -1.5])
    kept = lambda x: np.where(x > 0.5, x, x.dtype.type(0))  # noqa: E731
    check("thresholded_relu", kept, alpha=0.5)
    check("softsign", lambda x: x / (1 + np.abs(x)))
    hard = lambda x: np.clip(x * x.dtype.type(0.25) + x.dtype.type(0.5), 0, 1)  # noqa: E731
    check("hard_sigmoid", hard, alpha=0.25, beta=0.5)
    sixth = lambda x: x * np.clip(x * x.dtype.type(1 / 6) + x.dtype.type(0.5), 0, 1)  # noqa: E731
    check("hard_swish", sixth)
    soft = lambda x: np.where(  # noqa: E731
        x < -0.5, x + x.dtype.type(0.5), np.where(x > 0.5, x - x.dtype.type(0.5), x.dtype.type(0))
    )
    check("shrink", soft, **{"lambda": 0.5, "bias": 0.5})
    check("squareplus", lambda x: (x + np.sqrt(x * x + x.dtype.type(4))) / 2, b=4.0)
    check("clip", lambda x: np.clip(x, -0.5, None), low=-0.5, high=None)
    check("clip", lambda x: np.clip(x, None, 1.5), low=None, high=1.5)
    for exponent in (-1.0, 0.0, 0.5, 1.0, 2.0):
        check("power", lambda x, e=exponent: x ** x.dtype.type(e), exponent=exponent)


def test_powers_are_those_of_numpy():
    rng = np.random.default_rng(4)
    x = np.concatenate([10 ** rng.uniform(-3, 3, 2000), -(10 ** rng.uniform(-3, 3, 2000))])
    x = np.concatenate([x, [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan]]).astype(np.float32)
    for exponent in (3.0, -2.0, 0.75, -3.0, -0.25):
        wide, narrow = both(x, "power", exponent=exponent)
        with np.errstate(all="ignore"):
            theirs = x.astype(float) ** exponent
        for ours, bound in ((wide.ravel(), 2**-48), (narrow.ravel(), 2**-23)):
            np.testing.assert_allclose(ours, theirs, rtol=bound, atol=0)
            zeros = theirs == 0
            same_bits(np.signbit(ours[zeros]), np.signbit(theirs[zeros]))


@pytest.mark.parametrize("groups", [1, 3])
def test_rows_are_normalised_as_numpy_does(groups):
    rng = np.random.default_rng(5)
    x = rng.normal(0, 3, (500, 12)).astype(np.float32)
    parts = x.astype(float).reshape(500, groups, -1)
    shares = special.softmax(parts, axis=2).reshape(500, 12)
    logs = special.log_softmax(parts, axis=2).reshape(500, 12)
    scale = np.arange(12) / 8 - 0.5
    shift = np.arange(12) / 4
    centred = parts - parts.mean(axis=2, keepdims=True)
    by = 1 / np.sqrt(centred.var(axis=2, keepdims=True) + 0.125)
    normed = (centred * by).reshape(500, 12) * scale + shift
    squares = 1 / np.sqrt((parts**2).mean(axis=2, keepdims=True) + 0.125)
    rms = (parts * squares).reshape(500, 12) * scale
    layer = {"epsilon": 0.125, "scale": scale.tolist(), "groups": groups}
    for name, parameters, theirs in (
        ("softmax", {"groups": groups}, shares),
        ("log_softmax", {"groups": groups}, logs),
        ("layer_norm", layer | {"shift": shift.tolist()}, normed),
        ("layer_norm", layer | {"shift": None, "rms": True}, rms),
    ):
        wide, narrow = both(x, name, **parameters)
        np.testing.assert_allclose(wide, theirs, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(narrow, theirs, rtol=2e-6, atol=2e-6)
    reductions = {
        "sum": np.sum,
        "mean": np.mean,
        "max": np.max,
        "min": np.min,
        "product": np.prod,
        "l1": lambda x, axis: np.abs(x).sum(axis),
        "l2": lambda x, axis: np.sqrt((x * x).sum(axis)),
        "sum_square": lambda x, axis: (x * x).sum(axis),
    }
    for how, reduction in reductions.items():
        wide, narrow = both(x, "reduce", how=how, groups=groups)
        theirs = reduction(parts, axis=2).reshape(wide.shape)
        np.testing.assert_allclose(wide, theirs, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(narrow, theirs, rtol=1e-5, atol=1e-5)
