"""Statistics over plain float64 arrays: every answer is a number or a stated reason for none."""
