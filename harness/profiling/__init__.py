"""How long things take, how much memory they use, and how that grows."""
