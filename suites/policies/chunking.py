"""From chunks of actions to one action per control step.

Two ways are in use. openpi's clients and Kairos's default execute the first rows of a chunk and
then ask again. Kairos's optional ensembler also keeps the rows that were not executed: where
several chunks speak of the same control step it executes their mean (action_ensembler.py). An
action is only ever one that the policy gave for its control step; there is none to fall back on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from suites.policies.base import Actions, Observation, Policy, check_length

Ensemble = Literal["newest", "mean"]
Action = NDArray[np.float32]


class ActionChunks:
    """Executes a policy's chunks in one episode, open loop, ``execute`` actions at a time.

    Nothing is carried into the next episode, which gets an object of its own.

    Args:
        policy: reset before the first call, and asked whenever no action is left.
        execute: rows executed per call.
        ensemble: ``newest`` executes the newest chunk's rows, ``mean`` the mean over all chunks
            that reach the control step.
    """

    def __init__(self, policy: Policy, execute: int, ensemble: Ensemble = "newest") -> None:
        self.policy, self.execute, self.ensemble = policy, execute, ensemble
        self.requests = 0
        self._step = 0
        self._pending: deque[Action] = deque()
        self._said: defaultdict[int, list[Action]] = defaultdict(list)

    @property
    def due(self) -> bool:
        """Whether the next action needs the policy, and with it a whole observation."""
        return not self._pending

    def next(self, observation: Observation) -> Action:
        """Return the action of this control step ``[A]``.

        Raises:
            PolicyError: the policy failed, or its chunk is shorter than what is to be executed.
        """
        if self.due:
            if not self.requests:
                self.policy.reset()
            self.requests += 1
            chunk = self.policy.act(observation)
            check_length(len(chunk), self.execute, self.policy.info.name)
            self._pending.extend(self._blended(chunk))
        self._step += 1
        return self._pending.popleft()

    def _blended(self, chunk: Actions) -> list[Action]:
        if self.ensemble == "newest":
            return list(chunk[: self.execute])
        for step in [step for step in self._said if step < self._step]:
            del self._said[step]
        for offset, action in enumerate(chunk):
            self._said[self._step + offset].append(action)
        steps = range(self._step, self._step + self.execute)
        return [np.mean(self._said[step], axis=0) for step in steps]
