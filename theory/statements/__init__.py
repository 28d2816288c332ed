"""The statements of the catalogue, each checked on instances."""
