"""RoboTwin 2.0: fifty two-arm tasks, each in tidy and in randomised scenes."""
