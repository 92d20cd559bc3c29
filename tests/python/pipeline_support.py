"""A mixed table and a strict pipeline on it."""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    StandardScaler,
)

RNG = np.random.default_rng(0)
ROWS = 80
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(40, 10, ROWS),
        "city": pd.Series(RNG.choice(["a", "b", "c"], ROWS), dtype="str"),
        "zip": RNG.choice([10, 20, 30], ROWS),
        "member": RNG.random(ROWS) < 0.5,
        "note": pd.Series(["free text"] * ROWS, dtype="str"),
    }
)
LABEL = (FRAME["age"] + 5 * (FRAME["city"] == "a") > 40).astype(int).to_numpy()


def strict():
    """Nothing is taken that training had not."""
    return make_pipeline(
        ColumnTransformer(
            [
                ("number", StandardScaler(), ["age"]),
                ("text", OneHotEncoder(), ["city", "zip", "member"]),
            ]
        ),
        LogisticRegression(),
    ).fit(FRAME, LABEL)


FEW = FRAME.head(4)
