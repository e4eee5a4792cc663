"""A policy bundle made ready for the robot it is to act on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lps_ros.contract import Contract
from lps_ros.contract import ContractError
from lps_ros.contract import differences
from lps_ros.contract import load_contract
from lps_ros.control.planning import Steering


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadyBundle:
    """A policy and the contract it acts by."""

    policy: Any
    contract: Contract  # the robot's, with the observations that the policy sees
    steering: Steering  # how the bundle wants its chunks planned
    deployment: tuple[str, ...]  # where the robot's deployment differs from the bundle's


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
    return ReadyBundle(policy=bundle.policy, contract=contract, steering=_steering(bundle),
                       deployment=tuple(deployment))


def _steering(bundle: Any) -> Steering:
    wanted = {'mode': 'steered', **bundle.metadata.get('steering', {})}
    return Steering(**wanted | {
        'replan_every': wanted.get('replan_every') or bundle.policy.horizon})
