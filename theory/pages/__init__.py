"""Pages of tasks: what a window loses, exact and sampled."""
