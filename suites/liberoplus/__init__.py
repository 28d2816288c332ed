"""LIBERO-Plus: success of manipulation policies on 10,030 perturbed tasks."""
