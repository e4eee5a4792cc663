"""One recorded episode passed through the decisions of the policy node."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from typing import Protocol

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import ObservationEncoder
from lps_ros.control.execution import Execution
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import InlineInference
from lps_ros.control.planning import Planner
from lps_ros.control.planning import Steering
from lps_ros.data.episode import Episode
from lps_ros.data.episode import Stream
from lps_ros.evaluation.input_health import InputHealth
from lps_ros.evaluation.input_health import InputJudge
from lps_ros.evaluation.input_health import SERVED_AFTER_NS
from lps_ros.evaluation.tick_observations import TickObservations
import numpy as np


class CriticPlanner(Planner, Protocol):
    """The policy of a bundle: plans chunks and rates them."""

    def q_values(
            self, observations: np.ndarray, actions: np.ndarray,
            images: Sequence[np.ndarray] = ()) -> Any:
        """
        Return (critics, N) values of chunks (N, H, A) in [-1, 1].

        They are those at observations (N, S) and frames uint8 (N, h, w, 3) of each camera.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class EpisodeReplay:
    """
    A recorded episode of T ticks and what the policy makes of it.

    :param recorded: (T, A) command recorded in each tick's period, physical, NaN before the first
    :param executed: (T, A) command the policy node would have sent, physical, NaN where none
    :param chunks: (T, H, A) chunk planned at each tick, physical, before limits; NaN where the
        input was not fit to act on
    :param fit: (T,) whether it was
    :param q_policy: (T, 2) least and mean value of the critics for the planned chunk, NaN where
        there is none
    :param q_recorded: (T, 2) the same for the recorded chunk, NaN where it is not complete
    :param observations: (T, S) encoded, not normalised
    :param limited: values changed by the limits, counted by '<dimension> by <limit>'
    :param limited_ticks: ticks at which the limits changed any
    :param refused: ticks without a command in spite of fit input, counted by reason
    :param plan_s: time that each plan of the executed run took
    :param unfamiliarity: (T,) of the observation, as planned at each tick; NaN where unknown
    :param disagreement: (T,) of the critics on the chunk planned at each tick; NaN where unknown
    """

    ticks_ns: np.ndarray
    recorded: np.ndarray
    executed: np.ndarray
    chunks: np.ndarray
    fit: np.ndarray
    q_policy: np.ndarray
    q_recorded: np.ndarray
    observations: np.ndarray
    inputs: dict[str, InputHealth]
    limited: Counter
    limited_ticks: int
    refused: Counter
    plan_s: list[float]
    unfamiliarity: np.ndarray
    disagreement: np.ndarray


def replay_episode(
        episode: Episode, policy: CriticPlanner, contract: Contract, *, horizon: int,
        steering: Steering, seed: int) -> EpisodeReplay:
    """
    Pass an episode through the policy twice: as the node would have run it, and tick by tick.

    As executed: the node's own `Pilot` sees the recorded messages as they were received, plans at
    the first tick that has a recorded command and then as `steering` says, and its commands pass
    the limits of `contract`; what would disarm it is counted, and the replay goes on. Tick by
    tick: a chunk is planned from every tick's observation. The world does not react to the policy
    in either: the observations stay the recorded ones.

    :param contract: observations of the bundle, with the ages and limits that are to hold
    :param horizon: chunk length H
    :param seed: of the latents, for each of the two
    :raises EpisodeError: where the episode is damaged or lacks a stream
    """
    ticks_ns = episode.ticks_ns[:-1]
    streams = {spec.key: episode.stream(spec.key) for spec in contract.observations}
    commands = {spec.key: episode.stream(spec.key) for spec in contract.actions}
    index = {spec.key: episode.index(spec.key)[:-1] for spec in contract.actions}
    codec = ActionCodec(contract)
    recorded = codec.physical(
        {key: rows[:-1] for key, rows in episode.rows(commands).items()})
    encoder = ObservationEncoder(contract)
    observations = encoder.encode(
        {key: rows[:-1] for key, rows in episode.rows(encoder.keys).items()},
        count=len(ticks_ns))

    pilot = Pilot(contract, InlineInference(policy), horizon=horizon, steering=steering,
                  execution=Execution(waits=True, moved_otherwise=True))
    pilot.begin(seed)
    judge = InputJudge(contract, streams, pilot.gate)
    executed = np.full(recorded.shape, np.nan)
    fit = np.zeros(len(ticks_ns), bool)
    limited, refused, plan_s = Counter(), Counter(), []
    limited_ticks, plan = 0, None
    first = _first_command(ticks_ns, commands, index)
    for row, tick_ns in enumerate(ticks_ns.tolist()):
        # What the recording shows was moved by its own commands.
        pilot.gate.moving = row > 1 and pilot.moves(recorded[row - 1], recorded[row - 2])
        fit[row] = judge.advance(tick_ns)
        if row < first:
            continue
        pilot.authority.arm()
        decision = pilot.tick(
            contract.clock.index_at_or_before(tick_ns),
            partial(int, tick_ns + SERVED_AFTER_NS))
        limited.update(_limited(note) for note in decision.notes)
        limited_ticks += bool(decision.notes)
        if decision.acting:
            executed[row] = decision.command
        elif fit[row]:
            refused.update(reason.text for reason in decision.reasons)
        if decision.plan is not None and decision.plan is not plan:
            plan = decision.plan
            plan_s.append(plan.plan_s)

    seen = TickObservations(episode, observations, encoder.image_keys)
    planned, doubts = _plan_every_tick(
        seen, fit, policy, (horizon, codec.size), steering, seed)
    following = _chunks_of(codec.normalise(recorded), horizon)
    return EpisodeReplay(
        ticks_ns=ticks_ns, recorded=recorded, executed=executed, fit=fit,
        chunks=codec.denormalise(planned), q_policy=_q(policy, seen, planned),
        q_recorded=_q(policy, seen, np.where(fit[:, None, None], following, np.nan)),
        observations=observations, inputs=judge.health(ticks_ns), limited=limited,
        limited_ticks=limited_ticks, refused=refused, plan_s=plan_s, **doubts)


def _first_command(
        ticks_ns: np.ndarray, commands: dict[str, Stream], index: dict[str, np.ndarray]) -> int:
    """Return the first tick in whose period every channel received a command."""
    fresh = np.ones(len(ticks_ns), bool)
    for key, stream in commands.items():
        fresh &= (index[key] >= 0) & (stream.received_ns[index[key]] > ticks_ns)
    return int(np.argmax(fresh))


def _limited(note: str) -> str:
    """Return dimension and limit of a limiter's note, such as 'twist.linear.x by range'."""
    return f'{note.split()[0]} by {note.rsplit(" ", 1)[1]}'


def _plan_every_tick(
        seen: TickObservations, fit: np.ndarray, policy: CriticPlanner, shape: tuple[int, int],
        steering: Steering, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return chunks (T, H, A) in [-1, 1] and doubts (T,), NaN where the input is not fit."""
    rng = policy.generator(seed)
    planned = np.full((len(fit), *shape), np.nan, np.float32)
    doubts = {name: np.full(len(fit), np.nan) for name in ('unfamiliarity', 'disagreement')}
    for row, vector, images in seen.each(np.flatnonzero(fit)):
        plan = policy.plan(vector, images=images, mode=steering.mode,
                           candidates=steering.candidates, strength=steering.strength, rng=rng)
        planned[row] = plan.actions
        for name, values in doubts.items():
            values[row] = getattr(plan, name, np.nan)
    return planned, doubts


def _chunks_of(actions: np.ndarray, horizon: int) -> np.ndarray:
    """Return (T, H, A): the actions from each tick on, NaN beyond the end."""
    beyond = np.full((horizon - 1, actions.shape[1]), np.nan, np.float32)
    padded = np.concatenate((actions, beyond))
    windows = np.lib.stride_tricks.sliding_window_view(padded, horizon, axis=0)
    return windows.transpose(0, 2, 1)


def _q(policy: CriticPlanner, seen: TickObservations, chunks: np.ndarray) -> np.ndarray:
    """Return (T, 2) least and mean of the critics, NaN where the chunk is not complete."""
    q = np.full((len(chunks), 2), np.nan)
    for rows, images in seen.blocks(np.flatnonzero(np.isfinite(chunks).all(axis=(1, 2)))):
        values = np.asarray(
            policy.q_values(seen.vectors[rows], chunks[rows], images=images), np.float64)
        q[rows] = np.stack((values.min(axis=0), values.mean(axis=0)), axis=1)
    return q
