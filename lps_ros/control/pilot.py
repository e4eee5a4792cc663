"""From observations to commands, one control tick at a time, free of ROS and of threads."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import math

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import MessageError
from lps_ros.contract import OutgoingMessage
from lps_ros.control.authority import Authority
from lps_ros.control.authority import Source
from lps_ros.control.chunk_planner import ChunkPlanner
from lps_ros.control.chunk_planner import PlanFailed
from lps_ros.control.chunk_schedule import ChunkSchedule
from lps_ros.control.chunk_schedule import ChunkStep
from lps_ros.control.command_in_force import CommandInForce
from lps_ros.control.execution import Execution
from lps_ros.control.gates import ObservationGate
from lps_ros.control.gates import Reason
from lps_ros.control.limits import CommandLimiter
from lps_ros.control.limits import CommandRefused
from lps_ros.control.limits import numbers
from lps_ros.control.planning import Inference
from lps_ros.control.planning import InferenceDied
from lps_ros.control.planning import one_line
from lps_ros.control.planning import PlanResult
from lps_ros.control.planning import Steering
from lps_ros.control.whereabouts import Whereabouts
import numpy as np

# A robot that is told to move less than this need not change what a camera sees: of full scale, as
# a velocity or per second, and of the step limit.
_MOVES = 0.05
# Of a motion, after which the robot has had time to begin to move.
_FOLLOWS_TICKS = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """What to do at one tick."""

    source: Source
    messages: tuple[OutgoingMessage, ...] = ()  # commands, or the stop on ceasing to act
    chunks: tuple[OutgoingMessage, ...] = ()  # a chunk that takes over, one message per action
    reasons: tuple[Reason, ...] = ()  # why the policy does not act
    notes: tuple[str, ...] = ()  # which values were limited
    step: ChunkStep | None = None
    plan: PlanResult | None = None  # that the step is from
    command: np.ndarray | None = None  # (A,) physical, what the messages say when acting
    ages_s: Mapping[str, float] = field(default_factory=dict)  # of each stream's newest message
    input_age_s: float | None = None  # of the oldest that the plan was made from

    @property
    def acting(self) -> bool:
        """Whether the messages are commands of the policy."""
        return self.command is not None


class Pilot:
    """
    Decides at every control tick what is sent: the action in force, or a stop.

    The caller feeds `gate` with rows and `authority` with what people do, asks `tick` once per
    control tick and calls `think` in between, which hands requests to the inference and takes
    its plans. All messages of a tick are encoded before it returns any. Times are ns of the
    node's clock; how far a chunk has got is told by `steady_s`, which nobody sets back, if given.
    """

    def __init__(
            self, contract: Contract, inference: Inference, *, horizon: int, steering: Steering,
            execution: Execution | None = None, authority: Authority | None = None) -> None:
        """Take the contract whose observations the inference sees, and the chunk length."""
        self.steering = steering
        self.shows_chunks = True  # for the caller to set: whether decisions tell new chunks
        self.steady_s: Callable[[], float] | None = None  # too: where the clock is not simulated
        self.authority = authority or Authority()
        self.gate = ObservationGate(contract.observations)
        self.schedule = ChunkSchedule(horizon)
        self._execution = execution or Execution()
        self.planner = ChunkPlanner(
            contract, inference, self.gate, self.schedule, horizon=horizon)
        self._clock = contract.clock
        self._codec = ActionCodec(contract)
        self._limiter = CommandLimiter(contract)
        self._whereabouts = Whereabouts(contract, self._limiter)
        self._in_force = CommandInForce(contract, self._limiter.at_rest)
        self.begin(seed=0)

    def begin(self, seed: int, execution: Execution | None = None) -> None:
        """
        Start afresh: nothing commanded yet, latents drawn from `seed`.

        execution: as before unless given.
        """
        self._execution = execution or self._execution
        self._ramp_ticks = max(1, round(self._execution.ramp_s * self._clock.rate_hz))
        self.schedule.reset()
        self.planner.begin(seed, stops_to_think=self._execution.stops_to_think,
                           waits=self._execution.waits)
        self._failure: Reason | None = None
        self._in_force.reset()
        self._stopped = False
        self._stopped_ns: int | None = None
        self._forget_chunks()

    def stop(self, now_ns: int) -> tuple[OutgoingMessage, ...]:
        """Return the stop of every channel and forget the chunks."""
        self._in_force.go_on(self._time_ns(now_ns))
        self._forget_chunks()
        return self._stop(now_ns)

    def halt(self, reason: Reason, now_ns: int) -> Decision:
        """Stop between ticks, for a reason that the pilot cannot see by itself."""
        # A clock that is wrong does not tell how far the robot has got.
        if reason.subject != 'clock' or self.steady_s is not None:
            self._in_force.go_on(self._time_ns(now_ns))
        return self._rest([reason], now_ns)

    def swap(self, inference: Inference, seed: int, took_s: Sequence[float] = ()) -> bool:
        """
        Plan with another inference from the next chunk on; see `ChunkPlanner.swap`.

        Where the policy may not act, that is at once. The caller sets `steering` then.
        """
        if self.planner.swap(inference, seed, took_s, drop=not self.authority.armed):
            self._failure = None
        return self.planner.inference is inference

    def tick(self, tick: int, clock_ns: Callable[[], int]) -> Decision:
        """
        Decide for control tick `tick`; `clock_ns` reads the time.

        After a tick without action for another reason than waiting for a chunk, the next one
        begins with a fresh chunk.
        """
        try:
            decision = self._decide(tick, clock_ns)
        except Exception as error:  # whatever it is must end in a stop
            decision = self._rest([_failure(error)], clock_ns())
        self.schedule.serve(tick)
        return decision

    def think(
            self, now_ns: int, refresh: Callable[[], None] = lambda: None, *,
            hurried: bool = False) -> None:
        """
        Take a plan that has come, and ask for the next one where it is due.

        refresh: feeds the gate with what has arrived, before a chunk is asked for. hurried: the
        next tick is near, so nothing is asked for but a chunk that is to be there at that tick.
        Never waits. What goes wrong here is told by the next tick.
        """
        try:
            self.planner.collect()
            tick = self.planner.tick_of_observation(now_ns)
            served = self.schedule.unserved(tick) > tick
            if (not (hurried and served)
                    and self.planner.due(tick, self.steering, spare=self.planner.spare)
                    and self.authority.source(now_ns)[0] == Source.POLICY):
                refresh()
                if not self.judge(now_ns, now_ns):
                    self.planner.ask(tick, now_ns, self.steering)
        except Exception as error:  # whatever it is must end in a stop
            if self.authority.armed:
                self._failure = _failure(error)

    def teleoperate(
            self, key: str, row: np.ndarray, now_ns: int) -> tuple[OutgoingMessage, ...]:
        """
        Take over with a person's command for one action, physical (W,); return what to send.

        The limits hold for people too: a step is that of the time since the command before, an
        observation that is not fit gives no workspace. On taking over, the other actions are
        stopped; each begins where the robot is when its first command comes. Raises
        CommandRefused for what no limit can make safe; see `Authority.refuse`.
        """
        takes_over = self._stopped or self.authority.source(now_ns)[0] != Source.TELEOP
        self.judge(now_ns, now_ns)
        time_ns = self._time_ns(now_ns)
        self._in_force.go_on(time_ns)
        rows = self.gate.fit_vectors(now_ns)
        before = self._in_force.command
        columns = self._limiter.columns(key)
        recent = self._commanded_recently(columns, time_ns)
        begins = takes_over or not recent
        if begins:
            before = self._whereabouts.begin(before, rows, keys=[key], recent=recent)
        wanted = before.copy()
        wanted[columns] = numbers(row, len(wanted[columns]))
        command, _ = self._limiter.apply(
            wanted, before, rows, keys=[key],
            periods=np.clip((time_ns - self._in_force.since_ns) / self._clock.period_ns, 0.0, 1.0))
        if begins:
            self._whereabouts.check_led_in(command, before)
        try:
            messages = self._codec.messages(command, now_ns, keys=[key])
        except MessageError as error:
            raise CommandRefused(str(error)) from None
        self.authority.teleoperate(now_ns)
        if self.authority.source(now_ns)[0] != Source.TELEOP:
            return ()
        if takes_over:
            messages = [*(message for message in self.stop(now_ns) if message.key != key),
                        *messages]
        self._in_force.send_part(columns, command[columns], time_ns)
        self._stopped = False
        return tuple(messages)

    def _commanded_recently(self, columns: slice, time_ns: int) -> bool:
        """Tell whether a channel can hardly have been moved otherwise since its last command."""
        since_ns = self._in_force.since_ns[columns]
        return bool((time_ns - since_ns <= self.authority.limits.teleop_s * 1e9).all())

    def _decide(self, tick: int, clock_ns: Callable[[], int]) -> Decision:
        now_ns = clock_ns()
        self._in_force.go_on(self._time_ns(now_ns))
        source, why = self.authority.source(now_ns)
        reasons = self.judge(self._clock.time_ns(tick), now_ns)
        failure, self._failure = self._failure, None
        if failure is not None:
            self.authority.disarm(failure.text)
            reasons.insert(0, failure)
        if source == Source.TELEOP:
            self._stopped_ns = None
            return Decision(
                source=source, reasons=tuple(reasons), ages_s=self.gate.ages_s(now_ns))
        if source == Source.NONE:
            self._stopped_ns = None
            reasons.insert(0, Reason(subject='authority', stale=True, text=why))
        if reasons:
            return self._rest(reasons, now_ns)
        self._plan_for(tick, now_ns)
        # Planning takes time, in which an observation may have become too old.
        reasons = self.judge(self._clock.time_ns(tick), clock_ns()) or self._doubts()
        return self._rest(reasons, clock_ns()) if reasons else self._act(tick, clock_ns)

    def judge(self, tick_ns: int, now_ns: int) -> list[Reason]:
        """
        Judge the observations of a tick at the time `now_ns`, see `ObservationGate.reasons`.

        What a person has to look at disarms, whoever commands.
        """
        reasons = self.gate.reasons(tick_ns, now_ns)
        for reason in reasons:
            if reason.disarms:
                self.authority.disarm(reason.text)
        return reasons

    def _plan_for(self, tick: int, now_ns: int) -> None:
        """Have the newest plan there is; where time can wait, the one that is due."""
        if not self._execution.waits:
            self.planner.collect()
            return
        self.planner.wait()
        if self.planner.due(tick, self.steering):
            self.planner.ask(tick, now_ns, self.steering)
            self.planner.wait()

    def _doubts(self) -> list[Reason]:
        """Return what keeps the policy from acting on fit observations."""
        plan, execution = self.planner.newest, self._execution
        if plan is None:
            return []
        # Not-a-number is too much too, where there is a limit.
        return [
            Reason(subject='policy', text=(
                f'{what}: {value:.3g}, expected at most {limit:g}; bring the scene to what was '
                'demonstrated'))
            for what, value, limit in (
                ('the observation is unfamiliar', plan.unfamiliarity,
                 execution.max_unfamiliarity),
                ('the critics disagree on the chunk', plan.disagreement,
                 execution.max_disagreement))
            if limit < math.inf and not value <= limit]

    def _act(self, tick: int, clock_ns: Callable[[], int]) -> Decision:
        step = self.schedule.step(tick, ensemble=self.steering.join == 'ensemble')
        if step is None:
            return self._without_action(clock_ns())
        rows = self.gate.vectors(self._clock.time_ns(tick))
        action = self._codec.denormalise(step.action)
        if self._began is None:
            self._whereabouts.check_start(action, rows)
            self._began = tick
            self._led_in_from = self._whereabouts.begin(self._in_force.command, rows)
            self._in_force.command = self._led_in_from
        elif tick - self._began >= _FOLLOWS_TICKS and not self._execution.moved_otherwise:
            self._whereabouts.check_follows(self._in_force.command, rows)
        before = self._in_force.command
        command, notes = self._limiter.apply(
            self._led_in(action, tick), before, rows, velocity=self._in_force.velocity)
        if tick == self._began:
            self._whereabouts.check_led_in(command, before)
        plan = self.planner.plan_of(step.chunk)
        news = self.shows_chunks and plan is not self._told
        ahead = command[None]
        if news or self._in_force.sends_chunks:
            ahead = self._ahead(tick, command, rows)
        now_ns = clock_ns()
        messages = tuple(self._codec.tick_messages(ahead, before, now_ns))
        chunks = self._codec.chunk_messages(ahead, self._clock.time_ns(tick)) if news else ()
        self.gate.moving = self.moves(command, before)
        self._in_force.send(ahead, self._time_ns(now_ns))
        self._told = plan
        # A node that itself stood still was stopped from when the next command was due.
        self._stopped, self._stopped_ns = False, now_ns + self._clock.period_ns
        return Decision(
            source=Source.POLICY, messages=messages, chunks=tuple(chunks), notes=tuple(notes),
            step=step, plan=plan, command=command, ages_s=self.gate.ages_s(now_ns),
            input_age_s=None if plan.oldest_ns is None else (now_ns - plan.oldest_ns) * 1e-9)

    def _time_ns(self, now_ns: int) -> int:
        """Return the time by which controllers go on."""
        return now_ns if self.steady_s is None else round(self.steady_s() * 1e9)

    def _stop(self, now_ns: int, clock: str = 'right') -> tuple[OutgoingMessage, ...]:
        self._stopped = True
        self._began = None
        self.gate.moving = False
        return tuple(self._codec.stop(now_ns, *self._in_force.stop(self._time_ns(now_ns), clock)))

    def _rest(
            self, reasons: list[Reason], now_ns: int, *, forget: bool = True) -> Decision:
        """Stop, once, and say why; disarm where a person has to look at it."""
        wrong = 'wrong' if self.steady_s is None else 'doubted'
        clock = wrong if any(reason.subject == 'clock' for reason in reasons) else 'right'
        # What a tick held to be over may go on, where its clock turns out to be wrong.
        messages = () if self._stopped and clock == 'right' else self._stop(now_ns, clock)
        if forget:
            self._forget_chunks()
        disarming = [reason for reason in reasons if reason.disarms]
        if self.authority.armed:
            if self._stopped_ns is None:
                self._stopped_ns = now_ns
            if disarming:
                self.authority.disarm(disarming[0].text)
            elif now_ns - self._stopped_ns > self._execution.patience_s * 1e9:
                self.authority.disarm(
                    f'stopped for more than {self._execution.patience_s:g} s: {reasons[0]}')
        if not self.authority.armed:
            self._stopped_ns = None
        return Decision(source=Source.NONE, messages=messages, reasons=tuple(reasons),
                        ages_s=self.gate.ages_s(now_ns))

    def _without_action(self, now_ns: int) -> Decision:
        if self.planner.newest is None or self._execution.stops_to_think:
            # What is waited for must not be forgotten.
            return self._rest([Reason(subject='inference', stale=True, text=(
                'waiting for a chunk'))], now_ns, forget=False)
        return self._rest([Reason(subject='inference', disarms=True, text=(
            'no action is left, the next chunk has not come in time; plan earlier '
            '(replan_every), with fewer candidates, or with a policy of longer chunks'))], now_ns)

    def _forget_chunks(self) -> None:
        self.schedule.forget()
        self.planner.forget()
        self._began: int | None = None
        self._told: PlanResult | None = None

    def _led_in(self, action: np.ndarray, tick: int) -> np.ndarray:
        """Return a command (A,) that begins where the robot is and ends as the action."""
        share = (tick - self._began + 1) / self._ramp_ticks
        if share >= 1.0:
            return action
        known = np.isfinite(self._led_in_from)
        return np.where(
            known, self._limiter.orientations.between(self._led_in_from, action, share), action)

    def moves(self, command: np.ndarray, before: np.ndarray) -> bool:
        """Tell whether a command (A,) after another moves the robot so that a camera sees it."""
        from_rest = np.isfinite(self._limiter.at_rest)
        half = 0.5 * (self._codec.high - self._codec.low)
        least = _MOVES * np.where(
            from_rest, half,
            np.minimum(self._limiter.step, half * self._clock.period_ns * 1e-9))
        return bool((np.abs(command - np.where(from_rest, 0.0, before)) > least).any())

    def _ahead(
            self, tick: int, command: np.ndarray, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return a tick's command and what follows (H, A), within the limits as they are now."""
        ahead = self._codec.denormalise(
            self.schedule.ahead(tick, ensemble=self.steering.join == 'ensemble'))[1:]
        for i in range(min(len(ahead), self._began + self._ramp_ticks - tick - 1)):
            ahead[i] = self._led_in(ahead[i], tick + i + 1)
        return self._limiter.follow(command, ahead, rows)


def _failure(error: Exception) -> Reason:
    """Return why nothing can be done, from what was raised."""
    if isinstance(error, (CommandRefused, MessageError, PlanFailed, InferenceDied)):
        text = str(error)
    else:
        text = f'no command could be made: {one_line(error)}'
    subject = 'inference' if isinstance(error, InferenceDied) else 'command'
    return Reason(subject=subject, text=text, disarms=True)
