"""Runs the policy node with a stand-in for the network, whose faults the bundle's name chooses."""

from pathlib import Path
import sys
import time
from types import SimpleNamespace

from lps_ros.contract import load_contract
from lps_ros.errors import UserError
from lps_ros.nodes.policy_node import PolicyNode
from lps_ros.nodes.process import run_node
import numpy as np

CONTRACT = Path(__file__).parents[2] / 'config' / 'ur5e_cube.yaml'
# A second of actions, so that a busy machine starves no test.
HORIZON = 20
_PLAN_S = {'slow': 0.06, 'half': 0.6, 'too_slow': 1.2}


class _Planner:
    def __init__(self, fault, horizon):
        self.horizon = horizon
        self._fault = fault

    def generator(self, seed):
        return None

    def plan(self, observation, images=(), *, mode, candidates, strength, rng, **join):
        actions = np.full((self.horizon, 5), -0.25 if self._fault == 'other' else 0.25, np.float32)
        # Warm-up plans from zeros, which no robot observes.
        if not observation.any():
            return SimpleNamespace(actions=actions)
        if self._fault == 'nan':
            actions[-1, 0] = np.nan
        if self._fault == 'raises':
            raise RuntimeError('no such tensor')
        if self._fault == 'imitator' and mode != 'prior':
            raise ValueError('found no latent actor to steer with')
        time.sleep(_PLAN_S.get(self._fault, 0.0))
        return SimpleNamespace(actions=actions)


def _load(name):
    if name == 'garbage':
        raise UserError('garbage is no policy')
    if name == 'endless':
        time.sleep(3600)
    keys = ['joints', 'gripper', 'tool', 'cube']
    return SimpleNamespace(
        policy=_Planner(name, HORIZON + 5 if name == 'longer' else HORIZON),
        metadata={'steering': {'mode': 'prior'}} if name == 'imitator' else {},
        contract=load_contract(CONTRACT).subset(keys[:3] if name == 'fewer' else keys))


if __name__ == '__main__':
    sys.exit(run_node(lambda: PolicyNode(load=_load)))
