"""The robot contract: what is observed, what is commanded, and at which rate."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from lps_ros.contract.clock import ControlClock
from lps_ros.contract.errors import ContractError
from lps_ros.contract.hashing import content_hash
from lps_ros.contract.hashing import data_content
from lps_ros.contract.hashing import deployment_content
from lps_ros.contract.schema import Action
from lps_ros.contract.schema import Derived
from lps_ros.contract.schema import Observation
from lps_ros.contract.schema import Task


@dataclass(frozen=True, kw_only=True, eq=False)
class Contract:
    """One robot's contract; made by `load_contract` or `parse_contract`, which validate it."""

    name: str
    rate_hz: float
    observations: tuple[Observation, ...]
    derived: tuple[Derived, ...]
    actions: tuple[Action, ...]
    task: Task
    text: str  # YAML that this contract was parsed from

    @cached_property
    def clock(self) -> ControlClock:
        """Control clock of `rate_hz`."""
        return ControlClock(self.rate_hz)

    @cached_property
    def data_hash(self) -> str:
        """Hash of what the numbers in a dataset mean; 16 hexadecimal digits."""
        return content_hash(data_content(self))

    @cached_property
    def deployment_hash(self) -> str:
        """Hash of topics, ages, latencies, limits, stops and `send`; 16 hexadecimal digits."""
        return content_hash(deployment_content(self))

    def observation(self, key: str) -> Observation:
        """Give the observation of `key`; raises ContractError if there is none."""
        return self._find(self.observations, key, 'observation')

    def action(self, key: str) -> Action:
        """Give the action of `key`; raises ContractError if there is none."""
        return self._find(self.actions, key, 'action')

    def _find(self, specs: tuple, key: str, kind: str) -> Observation | Action:
        for spec in specs:
            if spec.key == key:
                return spec
        known = ', '.join(spec.key for spec in specs)
        raise ContractError(f"contract {self.name}: found no {kind} '{key}', expected one of "
                            f'{known}; use one of these keys')

    def subset(self, keys: Iterable[str]) -> 'Contract':
        """
        Keep the observations `keys` and the derived ones that need no others.

        Order stays that of the contract. Raises ContractError on an unknown key, and where a
        workspace limit needs an observation that would go.
        """
        # Imported here because parsing makes contracts.
        from lps_ros.contract.loading import parse_contract
        from lps_ros.contract.loading import subset_text

        kept = {self.observation(key).key for key in keys}
        if len(kept) == len(self.observations):
            return self
        return parse_contract(subset_text(self, kept), source=f'subset of {self.name}')
