"""Plan, fetch, validate, prove and store one venue's dataset over a window of time."""
