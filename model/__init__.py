"""Reference implementation of the hybrid linear-attention world model, importable alone."""
