"""The robots of the two action suites: what their simulators send and what they execute.

Names, shapes and conventions are those of vla-eval 0.8.0's benchmark classes
(``benchmarks/libero/benchmark.py``, ``benchmarks/robotwin/benchmark.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.errors import ConfigError, nearest
from harness.records import Scalar

Spec = Mapping[str, Mapping[str, object]]
"""Dimensions by name, as the protocol's handshake states them."""

_IMAGE = {"name": "image", "dims": 0, "format": "rgb_hwc_uint8"}
_LANGUAGE = {"name": "language", "dims": 0, "format": "language"}


@dataclass(frozen=True)
class Embodiment:
    """One suite's robot.

    Args:
        suite: name of the suite.
        cameras: keys of the views in an observation, in the order in which policies get them.
        view: height and width of a view.
        state_key: key of the robot state in an observation message.
        state_dim: width of the state.
        action_dim: width of an action.
        limit: largest magnitude that the controller executes as given; None where there is none.
        rate_hz: control steps per second that inference is compared with.
        parameters: what the simulator must be asked for so that it sends the above.
        action_spec: how actions are meant.
        observation_spec: how observations are meant.
    """

    suite: str
    cameras: tuple[str, ...]
    view: tuple[int, int]
    state_key: str
    state_dim: int
    action_dim: int
    limit: float | None
    rate_hz: float
    action_spec: Spec
    observation_spec: Spec
    parameters: Mapping[str, Scalar] = field(default_factory=dict)


def _spec(name: str, dims: int, form: str, *span: float) -> dict[str, object]:
    spec: dict[str, object] = {"name": name, "dims": dims, "format": form}
    return spec | ({"range": list(span)} if span else {})


LIBERO = Embodiment(
    suite="liberoplus",
    cameras=("agentview", "wrist"),
    view=(256, 256),
    state_key="states",
    state_dim=8,
    action_dim=7,
    limit=1.0,
    rate_hz=20.0,  # control frequency of the LIBERO environments
    # Without the last one the hand's orientation vector jumps to states that no policy was
    # trained on, whenever the quaternion's sign changes.
    parameters={"send_wrist_image": True, "send_state": True, "quat_no_antipodal": True},
    action_spec={
        "position": _spec("position", 3, "delta_xyz", -1, 1),
        "rotation": _spec("rotation", 3, "axis_angle", -3.15, 3.15),
        "gripper": _spec("gripper", 1, "binary_close_positive", -1, 1),
    },
    observation_spec={
        "agentview": _IMAGE,
        "wrist": _IMAGE,
        "state": _spec("state", 8, "eef_pos3_axisangle3_gripper2"),
        "language": _LANGUAGE,
    },
)

ROBOTWIN = Embodiment(
    suite="robotwin",
    cameras=("head_camera", "left_camera", "right_camera"),
    view=(240, 320),
    state_key="joint_state",
    state_dim=14,
    action_dim=14,
    limit=None,
    # An action lasts as long as its trajectory takes; 30 is the rate that XPolicyLab's client
    # states for these robots.
    rate_hz=30.0,
    action_spec={"joints": _spec("joints", 14, "joint_positions")},
    observation_spec={
        "head_camera": _IMAGE,
        "left_camera": _IMAGE,
        "right_camera": _IMAGE,
        "state": _spec("state", 0, "joint_positions"),
        "language": _LANGUAGE,
    },
)

EMBODIMENTS = {robot.suite: robot for robot in (LIBERO, ROBOTWIN)}


def embodiment(suite: str) -> Embodiment:
    """Return the robot of a suite.

    Raises:
        ConfigError: no such action suite.
    """
    if suite not in EMBODIMENTS:
        raise ConfigError(
            f"no action suite called {suite!r}", where="--suite", hint=nearest(suite, EMBODIMENTS)
        )
    return EMBODIMENTS[suite]
