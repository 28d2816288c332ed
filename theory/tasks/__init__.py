"""Processes whose Bayes predictor is known: one file per task, found through the registry."""
