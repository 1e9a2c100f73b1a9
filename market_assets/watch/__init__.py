"""The watch: what is seen, told to health's evaluators and alerts' desk, left for the exporter."""
