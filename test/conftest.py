"""What every test runs under: discovery on the loopback interface, rendering without a display."""

from itertools import count
import os

import pytest

# Before anything imports rclpy: the middleware reads them once.
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ.setdefault('MUJOCO_GL', 'egl')

# 100 to 200, away from the ids that people choose; each parallel worker has its own part of them.
_WORKER = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw'))
_DOMAINS = 101 // int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', '1'))
_FIRST_DOMAIN = 100 + _WORKER * _DOMAINS
_used = count(os.getpid() * 37)  # 37: neighbouring test processes start far apart


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """Give the test a ROS_DOMAIN_ID of its own, for this process and those it starts."""
    domain = _FIRST_DOMAIN + next(_used) % _DOMAINS
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain))
    return domain


@pytest.fixture(scope='module')
def ros_module_domain() -> int:
    """Give a module's tests one ROS_DOMAIN_ID for a process that they share."""
    return _FIRST_DOMAIN + next(_used) % _DOMAINS
