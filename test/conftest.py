"""What every test runs under: discovery on the loopback interface, rendering without a display."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from itertools import islice
import os
from socket import AF_UNIX
from socket import socket

import pytest

# Before anything imports rclpy: the middleware reads them once.
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ.setdefault('MUJOCO_GL', 'egl')

# Away from the ids that people choose.
_DOMAINS = range(100, 201)
_tried = count(os.getpid() * 37)  # 37: neighbouring test processes start far apart


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give the test a ROS_DOMAIN_ID of its own, for this process and those it starts."""
    with _claimed_domain() as domain:
        monkeypatch.setenv('ROS_DOMAIN_ID', str(domain))
        yield domain


@pytest.fixture(scope='module')
def ros_module_domain() -> Iterator[int]:
    """Give a module's tests one ROS_DOMAIN_ID for a process that they share."""
    with _claimed_domain() as domain:
        yield domain


@contextmanager
def _claimed_domain() -> Iterator[int]:
    """Take a domain that no test takes meanwhile, of this run or another on this machine."""
    for number in islice(_tried, len(_DOMAINS)):
        domain = _DOMAINS[number % len(_DOMAINS)]
        with socket(AF_UNIX) as claim:
            try:
                # An abstract name: it goes with its process, and reaches as far as the loopback.
                claim.bind(f'\0lps_ros/domain/{domain}')
            except OSError:
                continue
            yield domain
            return
    raise RuntimeError('found no free ROS domain, expected one between 100 and 200')
