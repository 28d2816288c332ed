"""Probes: what the paper's hypotheses are worth on a real memory layer, measured."""
