"""The one waist: canonical datasets, their columns, keys and rules. No wire format comes here."""
