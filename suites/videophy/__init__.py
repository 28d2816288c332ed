"""VideoPhy 1 and 2: semantic adherence and physical commonsense of generated videos."""
