"""A scripted policy for smoke tests: it looks closely at what it gets and moves the hand a little.

It is a pure function of the observation, so that a run can be repeated. Anything that a simulator
should never send - a picture of one colour, a state outside of the robot's reach - ends the episode
with an error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from suites.policies.base import Observation

VIEWS = {"agentview": (256, 256, 3), "wrist": (256, 256, 3)}
REST = np.array([0.05, 0.1, 1.0])
"""Where the hand is led to, in metres, in the frame of the scene."""

REACH_M = 1.5


def reach(observation: Observation) -> NDArray[np.float32]:
    """Return one action ``[1, 7]`` that leads the hand to a fixed place, gripper open.

    Raises:
        ValueError: a view or the state is not what LIBERO-Plus sends.
    """
    for name, shape in VIEWS.items():
        view = observation.images.get(name)
        if view is None or view.shape != shape or view.dtype != np.uint8:
            raise ValueError(f"no view {name!r} of shape {shape}")
        if view.min() == view.max():
            raise ValueError(f"view {name!r} is blank")
    place = observation.state[:3]
    if observation.state.shape != (8,) or not np.abs(place).max() <= REACH_M:
        raise ValueError(f"the state is {observation.state}")
    if not observation.prompt.strip():
        raise ValueError("no instruction")
    steps = np.clip(5 * (REST - place), -0.5, 0.5)
    return np.concatenate([steps, np.zeros(3), [-1.0]]).astype(np.float32)[None]
