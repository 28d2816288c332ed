"""Benchmarks: their samples, scorers, published numbers and protocol cards."""
