"""The simulated robot with its topics and its count of episodes."""

from dataclasses import dataclass

from lps_ros.nodes.robot_topics import RobotTopics
from lps_ros.sim.progress import TaskProgress
from lps_ros.sim.robot import SimulatedRobot

# Shows a pilot that a tick has passed, so that its command is later than the tick.
AFTER_TICK_NS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class PictureFormat:
    """Size of the camera's pictures in pixels."""

    width: int
    height: int


class RobotWorld:
    """
    What both clock modes do alike: reset the robot, and publish one instant of it.

    :param picture: format of the camera's pictures, None for no camera
    """

    def __init__(
            self, robot: SimulatedRobot, topics: RobotTopics,
            picture: PictureFormat | None) -> None:
        self.robot = robot
        self.topics = topics
        self._picture = picture
        self._episode = -1

    @property
    def progress(self) -> TaskProgress:
        """Return the task's progress."""
        return self.robot.progress

    def reset(self, *, task: int, seed: int, episode_steps: int) -> None:
        """Start the next episode; nothing is published yet."""
        self.robot.reset(task, seed, episode_steps=episode_steps)
        self._episode += 1

    def publish_sensors(self, time_ns: int) -> None:
        """Publish the clock, then what the sensors read at that time."""
        self.topics.clock(time_ns)
        self.topics.state(self.robot.state(), time_ns)

    def publish_tick(
            self, time_ns: int, *, picture: bool = True, progress: bool = True) -> None:
        """Publish all that belongs to a control tick, then that it has passed."""
        self.topics.clock(time_ns)
        self.repeat_tick(time_ns, picture=picture, progress=progress)
        self.topics.clock(time_ns + AFTER_TICK_NS)

    def repeat_tick(
            self, time_ns: int, *, picture: bool = True, progress: bool = True) -> None:
        """Publish a tick's messages without the clock, for a late joiner or after a loss."""
        state = self.robot.state()
        self.topics.state(state, time_ns)
        self.topics.goal(state.goal, time_ns)
        if picture and self._picture is not None:
            self.topics.picture(self.robot, self._picture.width, self._picture.height, time_ns)
        if progress:
            self.tell_progress(time_ns)

    def tell_progress(self, time_ns: int) -> None:
        """Publish how far the task is."""
        self.topics.progress(self.robot.progress, self._episode, time_ns)
