"""The command line: the one place that sees every package; one file per verb."""
