"""Another bundle in the place of the running one, without stopping."""

from collections.abc import Callable
from statistics import median
import threading
import time

from lps_ros.contract import ActionCodec
from lps_ros.contract import differences
from lps_ros.contract import MessageError
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import flaw
from lps_ros.control.planning import InferenceDied
from lps_ros.control.planning import one_line
from lps_ros.control.planning import PlanRequest
from lps_ros.control.planning import PlanResult
from lps_ros.control.planning import Steering
from lps_ros.control.planning_process import PlanningProcess
from lps_ros.nodes.policy_bundle import BundleFacts
import numpy as np

_CANARY_PLANS = 10
_CANARY_S = 10.0


class _Refused(Exception):
    """Why the other bundle does not take over, in one line."""


class Reload:
    """
    Loads a bundle beside the running one, has it plan on live observations, then swaps or refuses.

    `poll` goes on with it and never waits; `progress` says how far it is, or how it ended.
    """

    def __init__(
            self, name: str, start: Callable[[], PlanningProcess], running: BundleFacts,
            steering: Callable[[Steering], Steering], seed: Callable[[], int]) -> None:
        """
        Begin to load.

        steering: from what the bundle wants to how it is to plan now; seed: of its latents now.
        """
        self.progress = f'loading {name}'
        self.done = False
        self.facts: BundleFacts | None = None  # of the new bundle, once it has taken over
        self.name = name
        self._running = running
        self._steering = steering
        self._seed = seed
        self._process = start()
        self._requests: list[PlanRequest] = []
        self._under_way: np.ndarray | None = None
        self._differences: list[float] = []
        self._took_s: list[float] = []
        self._canary_ends_s: float | None = None
        self._old: PlanningProcess | None = None  # that is to be replaced

    @property
    def process(self) -> PlanningProcess:
        """Return the process that plans with the new bundle."""
        return self._process

    def close(self) -> None:
        """Give up what has not taken over."""
        if not self.done:
            self._refuse('the node was deactivated or cleaned up')

    def poll(self, pilot: Pilot, now_ns: int) -> None:
        """Do what can be done now."""
        if self.done:
            return
        try:
            if self._process.poll_ready():
                self._canary(pilot, now_ns)
        except (_Refused, InferenceDied, MessageError, OSError) as error:
            pilot.planner.keep()
            self._refuse(one_line(error))

    def _canary(self, pilot: Pilot, now_ns: int) -> None:
        facts = self._process.facts
        if self._canary_ends_s is None:
            self._check(facts)
            self._canary_ends_s = time.monotonic() + _CANARY_S
        if len(self._differences) < _CANARY_PLANS and (result := self._process.poll()) is not None:
            self._judge(result, facts, pilot)
        if len(self._differences) == _CANARY_PLANS:
            # From here on what the process plans is the pilot's.
            self._take_over(pilot, facts)
        elif time.monotonic() > self._canary_ends_s:
            reasons = '; '.join(map(str, pilot.judge(now_ns, now_ns)))
            raise _Refused(
                f'{len(self._differences)} of {_CANARY_PLANS} plans on live observations, none in '
                f'the last {_CANARY_S:g} s{": " + reasons if reasons else ""}')
        elif not self._process.busy:
            self._ask(pilot, facts, now_ns)

    def _check(self, facts: BundleFacts) -> None:
        running = self._running
        difference = differences(running.contract, facts.contract)
        wrong = [*difference.data, *difference.deployment]
        if facts.horizon != running.horizon:
            wrong.append(f'chunks of {facts.horizon} actions instead of {running.horizon}')
        if wrong:
            raise _Refused(f"{'; '.join(wrong)}; clean the node up and configure it with that "
                           'bundle')

    def _ask(self, pilot: Pilot, facts: BundleFacts, now_ns: int) -> None:
        planner = pilot.planner
        tick = planner.tick_of_observation(now_ns)
        if self._requests and tick <= self._requests[-1].tick or pilot.judge(now_ns, now_ns):
            return
        request = planner.request(
            tick, now_ns, self._steering(facts.steering),
            seed=None if self._requests else self._seed())
        if request is not None:
            self._under_way = pilot.schedule.ahead(tick)
            self._process.submit(request)
            self._requests.append(request)

    def _judge(self, result: PlanResult, facts: BundleFacts, pilot: Pilot) -> None:
        if wrong := flaw(result, (facts.horizon, ActionCodec(facts.contract).size)):
            raise _Refused(wrong)
        self._canary_ends_s = time.monotonic() + _CANARY_S
        self._took_s.append(result.plan_s)
        self._check_pace(pilot.planner.longest_plan_s)
        common = min(len(self._under_way), facts.horizon)
        apart = result.actions[:common] - self._under_way[:common] if common else np.nan
        self._differences.append(float(np.sqrt(np.mean(np.square(apart)))))
        self.progress = (
            f'{self.name}: {len(self._differences)} of {_CANARY_PLANS} plans on live '
            'observations')

    def _check_pace(self, longest_s: float) -> None:
        """Refuse plans that come too late; a single one may where a chunk lasts until then."""
        last_s, usual_s = self._took_s[-1], median(self._took_s)
        if last_s > 2 * longest_s:
            raise _Refused(f'a plan took {last_s:.3f} s, expected at most {2 * longest_s:.3f} s; '
                           'use fewer candidates or longer chunks')
        if len(self._took_s) == _CANARY_PLANS and usual_s > longest_s:
            raise _Refused(f'plans take {usual_s:.3f} s, expected at most {longest_s:.3f} s, half '
                           'a chunk; use fewer candidates or longer chunks')

    def _take_over(self, pilot: Pilot, facts: BundleFacts) -> None:
        if self._process.death:
            raise _Refused(self._process.death)
        if self._old is None:
            self._old = pilot.planner.inference
        if not pilot.swap(self._process, self._seed(), self._took_s):
            return
        # Its last plan may take a while, and nobody waits for it.
        threading.Thread(target=self._old.close, name='close the old policy').start()
        known = [each for each in self._differences if np.isfinite(each)]
        apart = (f', {np.mean(known):.2f} rms from the chunks of the one before, of half the '
                 'range' if known else '')
        self.progress = (f'{self.name} has taken over: plans of at most '
                         f'{max(self._took_s) * 1e3:.1f} ms{apart}')
        self.facts, self.done = facts, True

    def _refuse(self, reason: str) -> None:
        self.progress = f'{self.name} refused: {reason}'
        self.done = True
        threading.Thread(target=self._process.close, name='close the refused policy').start()
