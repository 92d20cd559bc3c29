"""The names of the columns of the fixture `frame`."""

NAMES = ["age", "income", "visits", "rate", "balance", "zone"]
