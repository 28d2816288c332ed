"""Run evaluations, store facts, decide verdicts."""
