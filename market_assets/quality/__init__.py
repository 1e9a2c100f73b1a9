"""Quality as the platform keeps it: rows judged, decisions, repairs, expectations, reports."""
