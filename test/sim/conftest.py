"""One simulated robot for all tests of this folder; its model takes seconds to compile."""

from collections.abc import Iterator

from lps_ros.sim.robot import SimulatedRobot
import pytest


@pytest.fixture(scope='session')
def robot() -> Iterator[SimulatedRobot]:
    """Give a robot that may be in any state; reset it first."""
    simulated = SimulatedRobot()
    simulated.reset(1, 0)
    yield simulated
    simulated.close()
