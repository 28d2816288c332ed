"""Policies under test: what they see and do, the servers they live behind, and the bridge.

Nothing here simulates. A simulator talks to ``bridge``; the bridge asks a ``Policy``; a policy is a
client of a server, the reference model, or a Python callable.
"""
