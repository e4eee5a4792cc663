"""
Runs the policy node with a stand-in for the network, whose faults are switched on while it plans.

It moves the simulated arm to and fro along y. What it plans for the tool's rotation and for the
gripper lies far beyond the limits of its contract, which the node has to see to. The bundle is a
folder whose file `fault` names what goes wrong; a folder with a real bundle is loaded as such.
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

CONTRACT = Path(__file__).with_name('fault_contract.yaml')
HORIZON = 10
REAL_TIME_FACTOR = 0.4
# A control period of simulated time, in wall time.
PLAN_S = 0.05 / REAL_TIME_FACTOR
SLOWER = {'three times slower': 3, 'ten times slower': 10}
FAR_M = 0.25  # it turns round where it is so far to one side
_SPEED_M_S = 0.2
_HOME_X_M, _HOME_Z_M = 0.5, 0.28
_SAG_M_S = 0.05  # by which the servos give way while they move
_STANDS_RAD_S = 0.02


class _Planner:
    horizon = HORIZON

    def __init__(self, folder):
        self._fault = Path(folder, 'fault')
        contract = load_contract(CONTRACT)
        names = ObservationEncoder(contract).names
        self._tool = names.index(next(name for name in names if name.startswith('tool.')))
        self._velocities = [i for i, name in enumerate(names) if '.velocity.' in name]
        self._codec = ActionCodec(contract)
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
        actions = self._codec.normalise(self._motion(observation)).astype(np.float32)
        if fault == 'nan':
            actions[-1, 1] = np.nan
        return SimpleNamespace(actions=actions)

    def _motion(self, observation):
        x, y, z = observation[self._tool:self._tool + 3]
        if abs(y) > FAR_M or np.abs(observation[self._velocities]).max() < _STANDS_RAD_S:
            self._direction = -np.sign(y) or 1.0
        actions = np.zeros((HORIZON, self._codec.size))
        actions[:, :3] = (2 * (_HOME_X_M - x), self._direction * _SPEED_M_S,
                          _SAG_M_S + 2 * (_HOME_Z_M - z))
        actions[::2, 3:] = -6.0, 0.0
        actions[1::2, 3:] = 6.0, 0.085
        return actions


def _load(name):
    if Path(name, 'policy.json').exists():
        from lps_ros.learning.bundle import load_bundle
        return load_bundle(name)
    return SimpleNamespace(
        policy=_Planner(name), metadata={'steering': {'replan_every': 2}},
        contract=load_contract(CONTRACT))


if __name__ == '__main__':
    sys.exit(run_node(lambda: PolicyNode(load=_load)))
