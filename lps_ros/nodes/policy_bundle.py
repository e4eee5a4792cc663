"""A policy bundle made ready for the robot it is to act on."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
import time
from typing import Any

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import ContractError
from lps_ros.contract import differences
from lps_ros.contract import load_contract
from lps_ros.contract import ObservationEncoder
from lps_ros.control.planning import Planner
from lps_ros.control.planning import Steering
import numpy as np

# The first plans of a network are slow.
_WARM_UP_PLANS = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class BundleFacts:
    """What a node needs to know of a bundle whose policy lives in another process."""

    name: str  # folder
    contract: Contract  # the robot's, with the observations that the policy sees
    horizon: int
    steering: Steering  # how the bundle wants its chunks planned
    deployment: tuple[str, ...]  # where the robot's deployment differs from the bundle's
    plan_s: float = 0.0  # a plan's time, once warm


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadyBundle:
    """A policy and what is to be known of it."""

    policy: Any
    facts: BundleFacts


def ready_bundle(
        path: str, contract_file: str, load: Callable[[str], Any] | None = None) -> ReadyBundle:
    """
    Load a bundle with `load` (default: `load_bundle`) and check it against the robot's contract.

    contract_file: '' for the bundle's own contract. Raises ContractError, one line with every
    difference, where the robot's data contract is another one, and what `load` raises.
    """
    if load is None:
        from lps_ros.learning.bundle import load_bundle as load
    bundle = load(path)
    seen = bundle.contract
    contract, deployment = seen, []
    if contract_file:
        robot = load_contract(contract_file)
        difference = differences(seen, robot, subset=True)
        if difference.refused:
            raise ContractError(
                f'bundle {path} was made for other data than {contract_file}: '
                f"{'; '.join(difference.data)}; use a bundle that was trained for this contract")
        contract, deployment = robot.subset(o.key for o in seen.observations), (
            difference.deployment)
    return ReadyBundle(policy=bundle.policy, facts=BundleFacts(
        name=path, contract=contract, horizon=bundle.policy.horizon, steering=_steering(bundle),
        deployment=tuple(deployment)))


def warm_bundle(
        path: str, contract_file: str,
        load: Callable[[str], Any] | None = None) -> tuple[Planner, BundleFacts]:
    """Return a planner that has planned before, and its facts; raises as `ready_bundle`."""
    import torch

    # More threads make inference erratic beside the middleware's own.
    torch.set_num_threads(1)
    ready = ready_bundle(path, contract_file, load)
    times_s = [_plan_s(ready.policy, ready.facts) for _ in range(_WARM_UP_PLANS)]
    # Joining may be switched on at any time, and the first gradient takes a second.
    under_way = np.zeros((1, ActionCodec(ready.facts.contract).size), np.float32)
    _plan_s(ready.policy, ready.facts, committed=under_way, join_at=1, join_steps=1,
            join_weight=1.0)
    facts = {**vars(ready.facts), 'plan_s': min(times_s)}
    return ready.policy, BundleFacts(**facts)


def _plan_s(planner: Planner, facts: BundleFacts, **join: Any) -> float:
    """Return how long a plan takes; what it sees is all zeros."""
    encoder = ObservationEncoder(facts.contract)
    formats = [facts.contract.observation(key).image for key in encoder.image_keys]
    began_s = time.perf_counter()
    planner.plan(
        np.zeros(encoder.size, np.float32),
        images=tuple(np.zeros((image.height, image.width, 3), np.uint8) for image in formats),
        mode=facts.steering.mode, candidates=facts.steering.candidates,
        strength=facts.steering.strength, rng=planner.generator(0), **join)
    return time.perf_counter() - began_s


def _steering(bundle: Any) -> Steering:
    wanted = Steering.told(bundle.metadata.get('steering', {}))
    return replace(wanted, replan_every=wanted.replan_every or bundle.policy.horizon)
