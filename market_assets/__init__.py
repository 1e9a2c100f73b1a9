"""market-assets: a market data platform that finishes complete, or names what is missing."""

__version__ = "0.1.0"
