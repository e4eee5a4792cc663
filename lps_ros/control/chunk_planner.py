"""When a chunk is asked for, from which observation, and what becomes of the answer."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
import math

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import MessageError
from lps_ros.contract import ObservationEncoder
from lps_ros.control.chunk_schedule import ChunkSchedule
from lps_ros.control.gates import ObservationGate
from lps_ros.control.planning import flaw
from lps_ros.control.planning import Inference
from lps_ros.control.planning import PlanRequest
from lps_ros.control.planning import PlanResult
from lps_ros.control.planning import Steering
import numpy as np

# An observation that is taken so much of a period before a tick counts as that tick's.
_AHEAD = 0.2
# A plan is asked for so much earlier than the last ones took.
_MARGIN_S = 0.002
_KEPT_TIMES = 20
# How often to look whether a plan that is under way has come.
_LOOK_S = 0.005


class PlanFailed(ValueError):
    """A plan that cannot be used; the message is one line."""


@dataclass(kw_only=True)
class PlanningCounts:
    """What became of the plans since the start."""

    asked: int = 0
    late: int = 0  # plans that came when their first action's time had passed


class ChunkPlanner:
    """
    Asks an inference for chunks and puts them into the schedule.

    A chunk belongs to the tick of its observation. It is asked for shortly before that tick, so
    that a fast network's chunk is there when the tick is served; one that comes later is joined
    where time has got to. One plan is under way at a time.
    """

    def __init__(
            self, contract: Contract, inference: Inference, gate: ObservationGate,
            schedule: ChunkSchedule, *, horizon: int) -> None:
        self.inference = inference
        self._clock = contract.clock
        self._gate = gate
        self._schedule = schedule
        self._horizon = horizon
        self._encoder = ObservationEncoder(contract)
        self._action_size = ActionCodec(contract).size
        self._number = 0
        self._pending: PlanRequest | None = None
        self._took_s: deque[float] = deque(maxlen=_KEPT_TIMES)
        self.begin(seed=0)

    def begin(
            self, seed: int, *, stops_to_think: bool = False, waits: bool = False) -> None:
        """
        Start afresh, with latents drawn from `seed`; a plan that is under way is ignored.

        stops_to_think: ask when no action is left; the chunk then begins when it comes. waits:
        the caller waits for each plan, so none is late however long it takes.
        """
        self._stops_to_think = stops_to_think
        self._waits = waits
        self._seed: int | None = seed
        self.counts = PlanningCounts()
        # How long plans may take: a chunk lasts for two, as one is made at a time.
        periods = math.inf if stops_to_think or waits else max(0.5 * (self._horizon - 1), _AHEAD)
        self.longest_plan_s = periods * self._clock.period_ns * 1e-9
        # Whether another inference waits for its turn, and whether that has come.
        self._gives_way = self._has_given_way = False
        self.forget()

    def reseed(self, seed: int) -> None:
        """Draw the latents of later chunks from `seed`."""
        self._seed = seed

    def forget(self) -> None:
        """Ignore the plan that is under way; the next one is due at once."""
        self._valid_from = self._number
        self._asked: int | None = None
        self._plans: dict[int, PlanResult] = {}

    @property
    def newest(self) -> PlanResult | None:
        """Return the plan that came last, None without one."""
        return self._plans[max(self._plans)] if self._plans else None

    def plan_of(self, chunk: int) -> PlanResult:
        """Return the plan of a chunk of the schedule."""
        return self._plans[chunk]

    @property
    def spare(self) -> int:
        """Return how many actions are to be left when a chunk is asked for that may be late."""
        return 1 + int(max(self._took_s, default=0.0) * 1e9 / self._clock.period_ns)

    def due(self, tick: int, steering: Steering, *, spare: int = 0) -> bool:
        """
        Tell whether a chunk that begins at `tick` is to be asked for.

        spare: as many actions of the chunk before are to be left then.
        """
        if self._pending is not None or self._has_given_way:
            return False
        if self._stops_to_think:
            # Neither an action of this tick nor of one to come.
            return not any(len(self._schedule.ahead(each))
                           for each in (tick, self._schedule.unserved(tick)))
        every = max(1, min(steering.replan_every or self._horizon, self._horizon - spare))
        return self._asked is None or not 0 <= tick - self._asked < every

    def tick_of_observation(self, now_ns: int) -> int:
        """Return the tick that an observation taken now belongs to."""
        return self._clock.index_at_or_before(now_ns + self._ahead_ns)

    def due_in_s(self, now_ns: int, steering: Steering) -> float:
        """Return in how many seconds to look again."""
        if self._pending is not None:
            return _LOOK_S
        tick = self.tick_of_observation(now_ns) + 1
        if not self.due(tick, steering, spare=self.spare):
            return math.inf
        return max(0, self._clock.time_ns(tick) - now_ns - self._ahead_ns) * 1e-9

    @property
    def _ahead_ns(self) -> int:
        """
        Return how long before its tick a chunk is asked for.

        Where it would come too late for its tick all the same, asking can wait until the tick
        has been served and must not delay that.
        """
        lead_s = max(self._took_s, default=math.inf) + _MARGIN_S
        in_time = lead_s * 1e9 <= _AHEAD * self._clock.period_ns
        return round(lead_s * 1e9) if in_time else 0

    def ask(self, tick: int, now_ns: int, steering: Steering) -> None:
        """
        Ask for a chunk from what is known now; nothing is asked where `request` is None.

        Raises InferenceDied, and MessageError for an observation that encodes to no finite one.
        """
        request = self.request(tick, now_ns, steering, seed=self._seed)
        if request is None:
            return
        self.inference.submit(request)
        self._number += 1
        self.counts.asked += 1
        self._seed = None
        self._pending, self._asked = request, tick

    def request(
            self, tick: int, now_ns: int, steering: Steering, *,
            seed: int | None) -> PlanRequest | None:
        """Return what to ask now, None where an observation is missing or unfit; see `ask`."""
        sampled_ns = min(now_ns, self._clock.time_ns(tick))
        rows = self._gate.rows(sampled_ns)
        # The tick's rows may be unfit though newer ones, by which the robot moves, are fit; where
        # a picture did not decode, so may be the one before it.
        if not self._gate.fit(sampled_ns, now_ns):
            return None
        if any(key not in rows for key in (*self._encoder.keys, *self._encoder.image_keys)):
            return None
        observation = self._encoder.encode(
            {key: rows[key][None] for key in self._encoder.keys}, count=1)[0]
        if not np.isfinite(observation).all():
            raise MessageError('the encoded observation has a non-finite value')
        ahead = self._schedule.ahead(tick) if steering.join == 'latent' else ()
        return PlanRequest(
            number=self._number, tick=tick, observation=observation, steering=steering,
            images=tuple(rows[key] for key in self._encoder.image_keys), seed=seed,
            committed=np.float32(ahead) if len(ahead) else None,
            join_at=self._steps_until_there(tick, now_ns),
            oldest_ns=self._gate.oldest_ns(sampled_ns))

    def swap(
            self, inference: Inference, seed: int, took_s: Sequence[float] = (), *,
            drop: bool = False) -> bool:
        """
        Plan with another inference, with latents drawn from `seed`; tell whether that has begun.

        It begins once what is left of the chunks, which goes on, lasts until its first one is
        there, or else with the next chunk of the inference before; call again until then. No plan
        is under way then, unless that is to be dropped. took_s: how long its last plans took.
        """
        if self.inference is inference:
            return True
        if drop:
            self._pending = None
        if self._pending is not None or not (
                drop or self._has_given_way or self._lasts(max(took_s, default=0.0))):
            self._gives_way = True
            return False
        self.inference, self._seed, self._asked = inference, seed, None
        self.keep()
        self._took_s.clear()
        self._took_s.extend(took_s)
        return True

    def keep(self) -> None:
        """Go on with this inference: no other waits for its turn any more."""
        self._gives_way = self._has_given_way = False

    def _lasts(self, took_s: float) -> bool:
        """Tell whether actions, if any are left, do not run out while a plan takes so long."""
        left = len(self._schedule.ahead(self._schedule.unserved(0)))
        return self.longest_plan_s == math.inf or not left or (
            left > 1 + int(took_s * 1e9 / self._clock.period_ns))

    def _steps_until_there(self, tick: int, now_ns: int) -> int:
        """Return how many actions of a chunk that is asked for now are likely to come late."""
        if self._stops_to_think or self._waits:
            return 0
        there_ns = now_ns + max(self._took_s, default=0.0) * 1e9
        late = math.ceil((there_ns - self._clock.time_ns(tick)) / self._clock.period_ns)
        return min(max(0, late), self._horizon - 1)

    def wait(self) -> None:
        """Take the plan that is under way once it is there; raises as `collect`."""
        while self._pending is not None:
            self._take(self.inference.wait())

    def collect(self) -> None:
        """Take the plan that has come, if any; raises InferenceDied and PlanFailed."""
        if (result := self.inference.poll()) is not None:
            self._take(result)

    def _take(self, result: PlanResult) -> None:
        self._pending = None
        self._took_s.append(result.plan_s)
        self._has_given_way = self._gives_way
        if result.number < self._valid_from:
            return
        if wrong := flaw(result, (self._horizon, self._action_size)):
            raise PlanFailed(wrong)
        number = self._schedule.count
        late = self._schedule.offer(
            # A copy: a network may write its next plan into the same array.
            np.array(result.actions, np.float64), result.tick,
            moved_on=not self._stops_to_think, waited=self._waits)
        self.counts.late += late > 0
        self._plans[number] = result
        # A chunk speaks for as long as newer ones may not cover its ticks.
        self._plans.pop(number - self._horizon - 1, None)
