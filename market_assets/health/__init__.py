"""Judging what was seen: pure functions from observations, policy and time to verdicts.

`observed` is what a look saw, `policy` the limits, one evaluator a file, `inhibition` what is not
told because something larger explains it, `rules` all of it in words. Nothing here reads
anything: the watch observes, the alerts tell.
"""

from market_assets.health.evaluators import evaluate, remembered
from market_assets.health.observed import Observed
from market_assets.health.policy import Policy
from market_assets.health.rules import RULES, RuleText

__all__ = ["RULES", "Observed", "Policy", "RuleText", "evaluate", "remembered"]
