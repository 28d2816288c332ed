"""Statements of the paper's theory as checks."""
