"""Where canonical rows are kept: one contract, one file an engine."""
