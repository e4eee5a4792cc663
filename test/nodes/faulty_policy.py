"""Runs the policy node with a stand-in for the network, whose faults the bundle's name chooses."""

from pathlib import Path
import sys
import time
from types import SimpleNamespace

from lps_ros.contract import load_contract
from lps_ros.nodes.policy_node import PolicyNode
from lps_ros.nodes.process import run_node
import numpy as np

CONTRACT = Path(__file__).parents[2] / 'config' / 'ur5e_cube.yaml'
HORIZON = 5


class _Planner:
    horizon = HORIZON

    def __init__(self, fault):
        self._fault = fault

    def generator(self, seed):
        return None

    def plan(self, observation, images=(), *, mode, candidates, strength, rng):
        actions = np.full((HORIZON, 5), 0.25, np.float32)
        # Warm-up plans from zeros, which no robot observes.
        if not observation.any():
            return SimpleNamespace(actions=actions)
        if self._fault == 'nan':
            actions[-1, 0] = np.nan
        if self._fault == 'raises':
            raise RuntimeError('no such tensor')
        if self._fault == 'slow':
            time.sleep(0.06)
        return SimpleNamespace(actions=actions)


def _load(name):
    contract = load_contract(CONTRACT)
    return SimpleNamespace(
        policy=_Planner(name), contract=contract.subset(['joints', 'gripper', 'tool', 'cube']),
        metadata={})


if __name__ == '__main__':
    sys.exit(run_node(lambda: PolicyNode(load=_load)))
