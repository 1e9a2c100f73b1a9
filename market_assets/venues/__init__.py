"""Wire formats to canonical rows: one file a venue, and the only HTTP client of the product."""
