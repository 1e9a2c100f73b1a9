"""The one waist: canonical datasets, their columns, keys and rules. Wire formats never come this far."""
