"""
Runs the policy node with a stand-in for the network, whose faults are switched on while it plans.

It moves the simulated arm to and fro along y, as the contract in its bundle commands it. What it
plans for the tool's rotation and for the gripper lies far beyond the limits of that contract,
which the node has to see to. The bundle is a folder whose file `fault` names what goes wrong; a
folder with a real bundle is loaded as such.
"""

from pathlib import Path
import sys
import time
from types import SimpleNamespace

from lps_ros.contract import ActionCodec
from lps_ros.contract import load_contract
from lps_ros.contract import ObservationEncoder
from lps_ros.nodes.policy_node import PolicyNode
from lps_ros.nodes.process import run_node
import numpy as np

CONTRACT_NAME = 'contract.yaml'  # in the bundle
HORIZON = 10
REAL_TIME_FACTOR = 0.4
PERIOD_S = 0.05
# A control period of simulated time, in wall time.
PLAN_S = PERIOD_S / REAL_TIME_FACTOR
SLOWER = {'three times slower': 3, 'ten times slower': 10}
FAR_M = 0.25  # it turns round where it is so far to one side
_SPEED_M_S = 0.2
_HOME_X_M, _HOME_Z_M = 0.5, 0.28
_SAG_M_S = 0.05  # by which the servos give way while they move
_STANDS_RAD_S = 0.02
_PAN_RAD_S = 0.6
_HOME_RAD = 0.5 * np.pi * np.array([-1.0, 1.0, -1.0, -1.0])  # of shoulder lift to wrist 2
_GENTLY_RAD = 0.004  # a tick
_FAR_RAD = 6.0
_SWING_TICKS = 4


class _TwistMotion:
    """Tool velocities; the rotation is asked for to and fro at every tick."""

    def __init__(self, names):
        self._tool = _first(names, 'tool.')

    def actions(self, observation, direction, stands):
        x, _, z = observation[self._tool:self._tool + 3]
        actions = np.zeros((HORIZON, 5))
        actions[:, :3] = (2 * (_HOME_X_M - x), direction * _SPEED_M_S,
                          _SAG_M_S + 2 * (_HOME_Z_M - z))
        actions[::2, 3] = -6.0
        actions[1::2, 3] = 6.0
        return actions


class _JointMotion:
    """
    Joint positions: the shoulder swings, the last wrist joint is asked for to and fro.

    Each chunk begins that anywhere, so that it may take over where the one before wants the
    opposite, at full speed.
    """

    def __init__(self, names):
        self._joints = _first(names, 'joints.position.')
        self._begins = np.random.default_rng(0)

    def actions(self, observation, direction, stands):
        joints = observation[self._joints:self._joints + 6]
        ticks = np.arange(HORIZON)
        actions = np.zeros((HORIZON, 7))
        actions[:, :6] = joints
        actions[:, 1:5] += np.clip(_HOME_RAD - joints[1:5], -_GENTLY_RAD, _GENTLY_RAD)
        if stands:  # a first command must lie near the robot
            actions[:, 0] += direction * _GENTLY_RAD * (1 + ticks)
        else:
            actions[:, 0] += direction * _PAN_RAD_S * PERIOD_S * (1 + ticks)
            ticks += self._begins.integers(2 * _SWING_TICKS)
            actions[:, 5] += _FAR_RAD * np.where(ticks // _SWING_TICKS % 2, 1.0, -1.0)
        return actions


_MOTIONS = {'twist': _TwistMotion, 'arm': _JointMotion}


class _Planner:
    horizon = HORIZON

    def __init__(self, folder, contract):
        self._fault = Path(folder, 'fault')
        names = ObservationEncoder(contract).names
        self._y = _first(names, 'tool.') + 1
        self._velocities = [i for i, name in enumerate(names) if '.velocity.' in name]
        self._codec = ActionCodec(contract)
        self._motion = _MOTIONS[contract.actions[0].key](names)
        self._direction = 1.0

    def generator(self, seed):
        return None

    def plan(self, observation, images=(), *, mode, candidates, strength, rng, **join):
        if not observation.any():  # warming up
            return SimpleNamespace(actions=np.zeros((HORIZON, self._codec.size), np.float32))
        fault = self._fault.read_text(encoding='utf-8')
        time.sleep(PLAN_S * SLOWER.get(fault, 1))
        # Again, so that a fault shows in the plan that is under way.
        fault = self._fault.read_text(encoding='utf-8')
        if fault == 'raises':
            raise RuntimeError('no such tensor')
        actions = self._codec.normalise(self._to_and_fro(observation)).astype(np.float32)
        if fault == 'nan':
            actions[-1, 1] = np.nan
        return SimpleNamespace(actions=actions)

    def _to_and_fro(self, observation):
        y = observation[self._y]
        stands = np.abs(observation[self._velocities]).max() < _STANDS_RAD_S
        if abs(y) > FAR_M or stands:
            self._direction = -np.sign(y) or 1.0
        actions = self._motion.actions(observation, self._direction, stands)
        actions[::2, -1] = 0.0
        actions[1::2, -1] = 0.085
        return actions


def _first(names, begin):
    return names.index(next(name for name in names if name.startswith(begin)))


def _load(name):
    if Path(name, 'policy.json').exists():
        from lps_ros.learning.bundle import load_bundle
        return load_bundle(name)
    contract = load_contract(Path(name, CONTRACT_NAME))
    return SimpleNamespace(
        policy=_Planner(name, contract), metadata={'steering': {'replan_every': 2}},
        contract=contract)


if __name__ == '__main__':
    sys.exit(run_node(lambda: PolicyNode(load=_load)))
