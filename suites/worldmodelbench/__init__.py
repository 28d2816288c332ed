"""WorldModelBench: eight judge questions per video on instruction, physics and common sense."""
