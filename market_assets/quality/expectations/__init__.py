"""What the stored tables must look like, as Great Expectations suites, and the judging of them.

Suites are plain values (`laws`, `raw_suites`, `mart_suites`); Great Expectations itself is loaded
by `checkpoints` alone, when a table is judged: it costs four seconds of CPU and 250 MB.
"""
