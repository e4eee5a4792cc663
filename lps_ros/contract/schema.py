"""The parts of a robot contract as plain, frozen data."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

# A camera's noise makes every picture another one; so many equal ones in a row are no chance.
MAX_IDENTICAL = 10
# A monotone cubic from rest to rest is so much faster than its mean.
CUBIC_PEAK = 1.5


@dataclass(frozen=True, kw_only=True)
class ImageFormat:
    """Image as the policy sees it: cropped first, then resized by area averaging."""

    width: int  # pixels
    height: int  # pixels
    encoding: str = 'rgb8'
    crop: tuple[float, float, float, float] | None = None  # x, y, w, h; fractions of the source

    @property
    def source_size(self) -> tuple[int, int]:
        """Width and height in pixels of the source that is cropped but not resized."""
        _, _, width, height = self.crop or (0.0, 0.0, 1.0, 1.0)
        return round(self.width / width), round(self.height / height)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One observed stream."""

    key: str
    topic: str
    type: str
    fields: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    frame_id: str | None = None
    rotation: str | None = None  # of a pose: 'sixd' or 'yaw'; None for other types
    image: ImageFormat | None = None
    unit: str | None = None
    max_age_s: float  # older than this and the policy does not act
    latency_s: float = 0.0  # from the event to the stamp; counts towards the age
    required: bool = True  # False: the stream may be left out
    max_identical: int = 0  # equal pictures in a row after which a camera is frozen; 0: any

    @property
    def label(self) -> str:
        """Name of the stream in error messages."""
        return f"observation '{self.key}'"


@dataclass(frozen=True, kw_only=True)
class RelativePose:
    """Pose `of` seen from pose `reference`."""

    kind: ClassVar[str] = 'relative_pose'
    key: str
    of: str
    reference: str  # `in` in the file
    axes: str  # 'base': axes of the common frame; 'own': axes of the reference
    rotation: str  # 'none', 'yaw' or 'sixd'
    symmetry: int = 1  # rotations about z after which `of` looks the same, per turn
    saturation_m: float | None = None  # s of an added tanh(d / s)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Keys of the observations this is computed from."""
        return (self.of, self.reference)


@dataclass(frozen=True, kw_only=True)
class PeriodicJoints:
    """Cosine and sine of joint positions."""

    kind: ClassVar[str] = 'periodic'
    key: str
    of: str
    names: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Keys of the observations this is computed from."""
        return (self.of,)


Derived = RelativePose | PeriodicJoints


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """Physical values that the policy's -1 and 1 stand for; read-only float64 (width,)."""

    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Workspace:
    """Box that an observed position must stay in; read-only float64 (3,), metres."""

    observation: str
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """
    How far commands of positions may be from where the robot is.

    `within`, `lag`: read-only float64 (names,), or (4,) for a pose: x, y, z in m and the angle in
    rad.
    """

    observation: str
    names: tuple[str, ...]  # of the observation, in the order of the action; none for a pose
    within: np.ndarray  # largest distance of the first command from it
    lag: np.ndarray | None = None  # largest distance of the command in force, under way


@dataclass(frozen=True, kw_only=True, eq=False)
class Limits:
    """
    What may leave the node, in physical units; read-only float64 (width,).

    Of a pose's rotation `step` and `velocity` are those of a turn, in rad, the same for its six
    values, and `low` and `high` bound nothing.
    With `send: chunk` the controller keeps `velocity` between the points of a chunk too: a step is
    then at most a `CUBIC_PEAK`-th of what it allows in a period.
    """

    low: np.ndarray
    high: np.ndarray
    step: np.ndarray | None = None  # largest change per control tick
    velocity: np.ndarray | None = None  # largest change per second
    workspace: Workspace | None = None
    start: Start | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Action:
    """
    One commanded stream.

    `send` is of a JointTrajectory: 'point' sends at each tick its command alone, 'chunk' the
    command and all that is known to follow, on which a controller can plan ahead.
    """

    key: str
    topic: str
    type: str
    fields: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    frame_id: str | None = None
    unit: str | None = None
    scale: Scale
    limits: Limits
    stop: str  # 'zeros': a stop sends zeros; 'hold': nothing, but to end a chunk under way
    send: str = 'point'  # or 'chunk'
    relative_to: str | None = None  # observation whose joint positions it is learnt relative to

    @property
    def label(self) -> str:
        """Name of the stream in error messages."""
        return f"action '{self.key}'"

    @property
    def width(self) -> int:
        """Number of values that the policy gives for this stream."""
        return len(self.scale.low)

    def largest_step(self, period_s: float) -> np.ndarray:
        """Return how far (width,) a command may be from the one a period before, see `Limits`."""
        step, velocity = self.limits.step, self.limits.velocity
        largest = np.full(self.width, np.inf) if step is None else step
        if velocity is None:
            return largest
        mean = velocity / CUBIC_PEAK if self.send == 'chunk' else velocity
        return np.minimum(largest, mean * period_s)


@dataclass(frozen=True, kw_only=True)
class Task:
    """
    What is rewarded: `step_reward` at each step, the others once at an episode's end.

    A failure without `failure_reward` counts as cut off by time: it has no end.
    """

    name: str
    success_reward: float
    step_reward: float
    failure_reward: float | None
    max_ticks: int
