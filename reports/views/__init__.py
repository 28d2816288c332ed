"""View models: what a page shows, as plain frozen values made from rows and results.

Values are chosen, ordered and written here; nothing is estimated and nothing is decided.
"""
