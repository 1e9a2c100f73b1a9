"""The daily report on data quality: what is known of a day, scored, as a page and as JSON."""
