"""What functions are to the last bit: run by hand, with mpmath, after a new function.

    python functions.py 60 > functions.txt

Each line is a function, a number and its value's nearest float64, both as bits, and what that
lacks to the value in 65536ths of its last place. The numbers are those where functions change their
ways, and random ones.
"""

import math
import random
import struct
import sys

import mpmath as mp

mp.mp.prec = 1400
COUNT = int(sys.argv[1])
rng = random.Random(7)


def bits(x):
    """Return the bits of a float64."""
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def spread(low, high, count=None):
    """Numbers of every magnitude between two powers of 2, of either sign."""
    for _ in range(count or COUNT):
        yield rng.choice([1, -1]) * math.ldexp(1 + rng.random(), rng.randint(low, high))


def even(low, high, count=None):
    """Numbers from an interval."""
    for _ in range(count or COUNT):
        yield rng.uniform(low, high)


def near(*centres):
    """Numbers at and beside some, of either sign."""
    for x in centres:
        for y in (x, -x):
            yield from (y, math.nextafter(y, math.inf), math.nextafter(y, -math.inf))
            yield from (y * (1 + rng.uniform(-1, 1) * 2.0**-e) for e in (3, 10, 20, 30, 45))


HARD = [
    6381956970095103 * 2.0**797,
    5.1e20,
    1e22,
    1e300,
    1.7976931348623157e308,
    2.0**20,
    2.0**1000,
]
PI = [n * math.pi / 4 for n in (1, 2, 3, 4, 5, 6, 7, 8, 101, 12345, 650000)]
ANY = [*spread(-60, 60), *spread(-1074, 1023, 30)]
TRIG = [
    *even(-10, 10),
    *even(-1e6, 1e6),
    *near(*PI, *HARD),
    *spread(-40, 1023),
    *spread(20, 24, 20),
]
HYPER = [
    *even(-30, 30),
    *even(-1, 1),
    *spread(-60, -1),
    *near(0.3466, 0.01, 20.0, 40.0, 709.78, 710.47),
]
UNIT = [*even(-1, 1), *spread(-60, -1), *near(0.5, 1.0, 0.1715, 0.99999)]
POSITIVE = [
    abs(x)
    for x in [
        *ANY,
        *even(0.5, 2),
        *near(1.0, 2.0, 10.0, 1000.0, 0.7071067811865476, 1.4142135623730951),
    ]
]

FUNCTIONS = {
    "expm1": (mp.expm1, HYPER),
    "log2": (lambda x: mp.log(x) / mp.log(2), POSITIVE),
    "log10": (lambda x: mp.log(x) / mp.log(10), POSITIVE),
    "sin": (mp.sin, TRIG),
    "cos": (mp.cos, TRIG),
    "tan": (mp.tan, TRIG),
    "tanh": (mp.tanh, HYPER),
    "sinh": (mp.sinh, HYPER),
    "cosh": (mp.cosh, HYPER),
    "arctan": (mp.atan, [*ANY, *even(-4, 4), *near(0.4375, 0.6875, 1.1875, 2.4375)]),
    "arcsin": (mp.asin, UNIT),
    "arccos": (mp.acos, UNIT),
    "arcsinh": (mp.asinh, [*ANY, *even(-4, 4), *near(0.01, 2.0**28)]),
    "arccosh": (mp.acosh, [1 + x for x in POSITIVE if x < 1e300] + [*near(2.0**28)]),
    "arctanh": (mp.atanh, UNIT),
    "cbrt": (
        lambda x: mp.sign(x) * mp.cbrt(abs(x)),
        [*ANY, *even(-3, 3), *near(1.0, 8.0, 27.0, 0.35, 2.83)],
    ),
    "erf": (
        mp.erf,
        [*even(-6.2, 6.2), *even(-1, 1), *spread(-1074, 0), *near(1 / 32, 3 / 32, 1.0, 5.86, 6.0)],
    ),
    "ndtri": (
        lambda x: mp.sqrt(2) * mp.erfinv(2 * mp.mpf(x) - 1),
        [
            *even(0, 1),
            *(abs(x) for x in spread(-1000, -2)),
            *(1 - abs(x) for x in spread(-50, -2)),
            0.5,
            0.075,
            0.925,
        ],
    ),
}


def valid(y):
    """Whether a value is a number other than 0 that float64 can hold."""
    return mp.isfinite(y) and not isinstance(y, mp.mpc) and y != 0 and abs(y) < mp.mpf(2) ** 1024


for name, (function, numbers) in FUNCTIONS.items():
    for x in numbers:
        if not math.isfinite(x) or x == 0:
            continue
        try:
            y = function(mp.mpf(x))
        except (ValueError, ZeroDivisionError, mp.NoConvergence):
            continue
        if not valid(y):
            continue
        nearest = float(y)
        if not math.isfinite(nearest) or nearest == 0:
            continue
        # The unit is that of the value's own binade: below a power of 2 it is half of that above.
        exponent = max(int(mp.floor(mp.log(abs(y), 2))), -1022)
        lacks = (y - mp.mpf(nearest)) / mp.mpf(2) ** (exponent - 52)
        print(f"{name} {bits(x):016x} {bits(nearest):016x} {int(mp.nint(lacks * 65536))}")
