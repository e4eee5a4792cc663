"""Requests to the network and its answers; who computes them is another matter."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from math import nan
import time
from typing import Any
from typing import Protocol

from lps_ros.errors import UserError
from lps_ros.joining import JOIN_STEPS
import numpy as np

# Of an error; some libraries' hold whole tensors.
_LONGEST_LINE = 1000


@dataclass(frozen=True, kw_only=True)
class Steering:
    """How chunks are planned and joined; may change from one tick to the next."""

    mode: str = 'steered'  # or 'prior'
    candidates: int = 1  # latents drawn, the best by Q is taken
    strength: float = 1.0  # of 'steered': 0 is the prior, 1 what was learnt
    replan_every: int = 0  # ticks; 0: when the chunk is used up
    join: str = 'ensemble'  # how a chunk takes over, one of JOINS
    join_steps: int = JOIN_STEPS  # of 'latent': gradient steps on the latent; 0: choose only
    join_weight: float = 1.0  # of 'latent': agreement with what is under way, against value

    def __post_init__(self) -> None:
        """Take steps by default where 'latent' has nothing to choose from."""
        if self.join == 'latent' and self.candidates == 1 and not self.join_steps:
            object.__setattr__(self, 'join_steps', JOIN_STEPS)

    @classmethod
    def told(cls, said: Mapping[str, Any]) -> 'Steering':
        """
        Return the steering that a bundle or a recording tells of, as far as it does.

        Where it joins in another way, 0 join steps say nothing of 'latent'.
        """
        known = {each.name: said[each.name] for each in fields(cls) if each.name in said}
        if known.get('join', cls.join) != 'latent' and not known.get('join_steps'):
            known.pop('join_steps', None)
        return cls(**known)


class Plan(Protocol):
    """What a planner returns; `q`, `disagreement` and `unfamiliarity` may be left out."""

    actions: np.ndarray  # (H, A) in [-1, 1]


class Planner(Protocol):
    """What plans chunks: the policy of a bundle."""

    def generator(self, seed: int) -> Any:
        """Return what latents are drawn with."""

    def plan(
            self, observation: np.ndarray, images: Sequence[np.ndarray] = (), *, mode: str,
            candidates: int, strength: float, rng: Any, **join: Any) -> Plan:
        """
        Plan one chunk from an un-normalised vector (S,) and frames uint8 (h, w, 3).

        join: `committed` (m, A) in [-1, 1], `join_at`, the step at which the chunk will be there,
        `join_steps` and `join_weight`, only where a chunk is to be joined in the latent.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanRequest:
    """What a chunk is planned from."""

    number: int
    tick: int  # whose action is the chunk's first
    observation: np.ndarray  # (S,) not normalised
    images: tuple[np.ndarray, ...] = ()  # uint8 (h, w, 3)
    steering: Steering
    seed: int | None = None  # draws latents afresh from this seed
    committed: np.ndarray | None = None  # (m, A) in [-1, 1], under way from `tick` on
    join_at: int = 0  # step at which the chunk is expected to be there
    oldest_ns: int | None = None  # when the oldest was of what the observation tells of


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanResult:
    """A planned chunk, or why there is none."""

    number: int
    tick: int
    actions: np.ndarray | None  # (H, A) in [-1, 1]
    error: str = ''
    plan_s: float = 0.0  # time that planning took
    q: float = nan
    disagreement: float = nan  # of the critics on the chunk
    unfamiliarity: float = nan  # of the observation; about 1 is the edge of the training data
    oldest_ns: int | None = None  # as in the request


def flaw(result: PlanResult, shape: tuple[int, int]) -> str:
    """Return why a result is no plan of actions of this shape (H, A), in one line, or nothing."""
    if result.error:
        return f'no chunk could be planned: {result.error}'
    if result.actions.shape != shape:
        return f'planned chunk has shape {result.actions.shape}, expected {shape}'
    if result.actions.dtype.kind not in 'fiu':
        return f'planned chunk has values of type {result.actions.dtype}, expected numbers'
    if not np.isfinite(result.actions).all():
        return 'planned chunk has a non-finite value'
    return ''


class InferenceDied(UserError):
    """Whatever computed plans has ended; the message is one line."""


class Inference(Protocol):
    """Computes plans, one at a time, beside the control loop or in it."""

    def submit(self, request: PlanRequest) -> None:
        """Begin with a plan; there is none under way. Raises InferenceDied."""

    def poll(self) -> PlanResult | None:
        """Return the plan if it is ready. Raises InferenceDied."""

    def wait(self) -> PlanResult:
        """Return the plan once it is ready. Raises InferenceDied."""


class PlanServer:
    """Answers requests with a planner; random latents go on from one request to the next."""

    def __init__(
            self, planner: Planner, *,
            steady_s: Callable[[], float] = time.perf_counter) -> None:
        self._planner = planner
        self._steady_s = steady_s
        self._rng: Any = None

    def answer(self, request: PlanRequest) -> PlanResult:
        """Plan; whatever the network raises is the result's error."""
        began_s = self._steady_s()
        actions, figures, error = None, {}, ''
        try:
            if request.seed is not None:
                self._rng = self._planner.generator(request.seed)
            plan = self._plan(request)
            figures = {name: float(getattr(plan, name, nan))
                       for name in ('q', 'disagreement', 'unfamiliarity')}
            actions = np.asarray(plan.actions)
        except Exception as raised:  # whatever it is must end in a stop, not in silence
            error = one_line(raised)
        return PlanResult(
            number=request.number, tick=request.tick, actions=actions, error=error,
            plan_s=self._steady_s() - began_s, oldest_ns=request.oldest_ns, **figures)

    def _plan(self, request: PlanRequest) -> Plan:
        steering, join = request.steering, {}
        if steering.join == 'latent' and request.committed is not None:
            join = {'committed': request.committed, 'join_at': request.join_at,
                    'join_steps': steering.join_steps, 'join_weight': steering.join_weight}
        return self._planner.plan(
            request.observation, images=request.images, mode=steering.mode,
            candidates=steering.candidates, strength=steering.strength, rng=self._rng, **join)


class InlineInference:
    """Plans at once, within `submit`."""

    def __init__(self, planner: Planner) -> None:
        self._server = PlanServer(planner)
        self._result: PlanResult | None = None

    def submit(self, request: PlanRequest) -> None:
        """See Inference."""
        self._result = self._server.answer(request)

    def poll(self) -> PlanResult | None:
        """See Inference."""
        result, self._result = self._result, None
        return result

    def wait(self) -> PlanResult:
        """See Inference."""
        return self.poll()


def one_line(error: BaseException) -> str:
    """Return what an error says as one line, with its type unless it is one of this package's."""
    ours = type(error).__module__.startswith('lps_ros.') or isinstance(error, OSError)
    line = ' '.join(f'{"" if ours else type(error).__name__ + ": "}{error}'.split())
    line = ''.join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
    return line if len(line) <= _LONGEST_LINE else f'{line[:_LONGEST_LINE]}...'
