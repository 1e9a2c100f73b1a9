"""BigQuery as the warehouse: the same contract, the same SQL translated, its quotas kept."""
