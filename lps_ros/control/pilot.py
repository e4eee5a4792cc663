"""From observations to commands, one control tick at a time, free of ROS and of threads."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import time
from typing import Any
from typing import Protocol

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import MessageError
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import OutgoingMessage
from lps_ros.control.chunk_executor import ChunkExecutor
from lps_ros.control.chunk_executor import ChunkStep
from lps_ros.control.gates import ObservationGate
from lps_ros.control.gates import Reason
from lps_ros.control.limits import CommandLimiter
from lps_ros.control.limits import CommandRefused
import numpy as np


class Plan(Protocol):
    """What a planner returns."""

    actions: np.ndarray  # (H, A) in [-1, 1]


class Planner(Protocol):
    """What plans chunks: the policy of a bundle."""

    def plan(
            self, observation: np.ndarray, images: Sequence[np.ndarray] = (), *, mode: str,
            candidates: int, strength: float, rng: Any) -> Plan:
        """Plan one chunk from an un-normalised vector (S,) and frames uint8 (h, w, 3)."""


@dataclass(frozen=True, kw_only=True)
class Steering:
    """How chunks are planned; may change from one tick to the next."""

    mode: str  # 'steered' or 'prior'
    candidates: int = 1  # latents drawn, the best by Q is taken
    strength: float = 1.0  # of 'steered': 0 is the prior, 1 what was learnt
    replan_every: int = 0  # ticks; 0: when the chunk is used up


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """What to do at one tick."""

    messages: tuple[OutgoingMessage, ...]  # commands, or the stop on ceasing to act
    chunks: tuple[OutgoingMessage, ...] = ()  # a newly planned chunk, one message per action
    reasons: tuple[Reason, ...] = ()  # why not to act; empty when acting
    notes: tuple[str, ...] = ()  # which values were limited
    step: ChunkStep | None = None
    command: np.ndarray | None = None  # (A,) physical, what the messages say when acting
    plan_s: float | None = None  # time that planning took

    @property
    def acting(self) -> bool:
        """Whether the messages are commands of the policy."""
        return not self.reasons


class Pilot:
    """
    Decides at every control tick what is sent: the next action of the chunk, or a stop.

    The caller feeds `gate` with rows and asks `tick` once per control tick; all messages of a
    tick are encoded before it returns any.
    """

    def __init__(
            self, contract: Contract, planner: Planner, *, horizon: int, steering: Steering,
            steady_s: Callable[[], float] = time.perf_counter) -> None:
        """Take the contract whose observations the planner sees, and the chunk length."""
        self.steering = steering
        self.gate = ObservationGate(contract.observations)
        self._contract = contract
        self._planner = planner
        self._horizon = horizon
        self._steady_s = steady_s
        self._encoder = ObservationEncoder(contract)
        self._codec = ActionCodec(contract)
        self._limiter = CommandLimiter(contract)
        self._executor = ChunkExecutor(horizon=horizon, replan_every=horizon)
        self.begin(rng=None)

    def begin(self, rng: Any) -> None:
        """Start afresh: no chunk, nothing commanded yet, latents drawn from `rng`."""
        self._rng = rng
        self._executor.reset()
        self._in_force = self._limiter.at_rest
        self._stopped = False

    def reseed(self, rng: Any) -> None:
        """Draw the latents of later chunks from `rng`."""
        self._rng = rng

    def plan_once(self, rng: Any) -> float:
        """Plan one chunk from zeros, to warm the network up; return the time it took, in s."""
        began_s = self._steady_s()
        images = [self._contract.observation(key).image for key in self._encoder.image_keys]
        self._plan(np.zeros(self._encoder.size, np.float32), [
            np.zeros((image.height, image.width, 3), np.uint8) for image in images], rng)
        return self._steady_s() - began_s

    def stop(self, now_ns: int) -> tuple[OutgoingMessage, ...]:
        """Return the stop of every channel and forget the chunk."""
        self._executor.reset()
        rest = self._limiter.at_rest
        # A channel that holds goes on from its last command, within its step limit.
        self._in_force = np.where(np.isnan(rest), self._in_force, rest)
        self._stopped = True
        return tuple(self._codec.stop(now_ns))

    def tick(self, tick: int, clock_ns: Callable[[], int]) -> Decision:
        """
        Decide for control tick `tick`; `clock_ns` reads the time, before and after planning.

        After a tick without action the next one begins with a fresh chunk.
        """
        tick_ns = self._contract.clock.time_ns(tick)
        now_ns = clock_ns()
        reasons = self.gate.reasons(tick_ns, now_ns)
        if reasons:
            return self._refuse(reasons, now_ns)
        try:
            decision = self._act(tick, clock_ns, self.gate.rows(tick_ns))
            # Planning takes time, in which an observation may have become too old.
            reasons = self.gate.reasons(tick_ns, clock_ns()) if decision.plan_s else []
            if reasons:
                return self._refuse(reasons, clock_ns(), decision.plan_s)
            self._in_force = decision.command
            self._stopped = False
            return decision
        except (CommandRefused, MessageError) as error:
            text = str(error)
        except Exception as error:  # whatever the network raises must end in a stop
            text = f'no command could be made: {one_line(error)}'
        return self._refuse([Reason(subject='command', text=text)], clock_ns())

    def _refuse(
            self, reasons: list[Reason], now_ns: int, plan_s: float | None = None) -> Decision:
        self._executor.reset()
        stop = () if self._stopped else self.stop(now_ns)
        return Decision(messages=stop, reasons=tuple(reasons), plan_s=plan_s)

    def _act(
            self, tick: int, clock_ns: Callable[[], int],
            rows: Mapping[str, np.ndarray]) -> Decision:
        self._executor.replan_every = self.steering.replan_every or self._horizon
        chunks: tuple[OutgoingMessage, ...] = ()
        plan_s = None
        if self._executor.needs_chunk(tick):
            began_s = self._steady_s()
            observation = self._encoder.encode(
                {key: rows[key][None] for key in self._encoder.keys}, count=1)[0]
            images = [rows[key] for key in self._encoder.image_keys]
            actions = self._plan(observation, images, self._rng)
            plan_s = self._steady_s() - began_s
            chunks = self._chunks(actions, tick, rows)
            self._executor.start(actions, tick)
        step = self._executor.step(tick)
        command, notes = self._limiter.apply(step.action, self._in_force, rows)
        messages = tuple(self._codec.messages(command, clock_ns()))
        return Decision(
            messages=messages, chunks=chunks, notes=tuple(notes), step=step, command=command,
            plan_s=plan_s)

    def _plan(
            self, observation: np.ndarray, images: Sequence[np.ndarray], rng: Any) -> np.ndarray:
        """Return a chunk (H, A) in physical units."""
        if not np.isfinite(observation).all():
            raise CommandRefused('the encoded observation has a non-finite value')
        plan = self._planner.plan(
            observation, images=images, mode=self.steering.mode,
            candidates=self.steering.candidates, strength=self.steering.strength, rng=rng)
        actions = np.asarray(plan.actions)
        expected = (self._horizon, self._codec.size)
        if actions.shape != expected:
            raise CommandRefused(f'planned chunk has shape {actions.shape}, expected {expected}')
        if not np.isfinite(actions).all():
            raise CommandRefused('planned chunk has a non-finite value')
        return self._codec.denormalise(actions)

    def _chunks(
            self, actions: np.ndarray, tick: int, rows: Mapping[str, np.ndarray]
    ) -> tuple[OutgoingMessage, ...]:
        """Encode a chunk within the limits as they are now."""
        command = self._in_force
        limited = np.empty_like(actions)
        for i, action in enumerate(actions):
            limited[i] = command = self._limiter.apply(action, command, rows)[0]
        return tuple(self._codec.chunk_messages(limited, self._contract.clock.time_ns(tick)))


def one_line(error: Exception) -> str:
    """Return what an error says as one line, with its type unless it is one of this package's."""
    ours = type(error).__module__.startswith('lps_ros.') or isinstance(error, OSError)
    return ' '.join(f'{"" if ours else type(error).__name__ + ": "}{error}'.split())
