"""Judging what was seen: pure functions from observations, policy and time to verdicts.

`observed` is what a look saw, `policy` the limits, one evaluator a file. Nothing here reads
anything: the watch observes, the alerts tell.
"""
