"""`python -m market_assets.marts.docs`: dbt's docs, in a process that ends with its memory."""

from __future__ import annotations

from market_assets.marts.build import build_docs
from market_assets.settings import load_settings

if __name__ == "__main__":
    build_docs(load_settings())
