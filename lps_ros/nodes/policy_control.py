"""A configured policy at work: observations in, commands out, one control tick at a time."""

from collections.abc import Callable
from dataclasses import asdict
import time
from typing import Any

from lps_ros.control.authority import Authority
from lps_ros.control.authority import Source
from lps_ros.control.clock_watch import ClockWatch
from lps_ros.control.complaints import Complaints
from lps_ros.control.gates import Reason
from lps_ros.control.pilot import Decision
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import Steering
from lps_ros.control.planning_process import PlanningProcess
from lps_ros.control.tick_record import tick_record
from lps_ros.nodes.acknowledgement import LAST_WORD_S
from lps_ros.nodes.policy_bundle import BundleFacts
from lps_ros.nodes.policy_company import PolicyCompany
from lps_ros.nodes.policy_inputs import PolicyInputs
from lps_ros.nodes.policy_outputs import PolicyOutputs
from lps_ros.nodes.policy_parameters import PolicyParameters
from lps_ros.nodes.policy_people import DeadMan
from lps_ros.nodes.policy_people import Teleoperation
from lps_ros.nodes.policy_records import RunRecords
from lps_ros.nodes.policy_reload import Reload
from lps_ros.nodes.policy_shadow import OperatorCommands
from lps_ros.nodes.receive_clock import ReceiveClock
from lps_ros.nodes.tick_loop import TickLoop
import numpy as np
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

_LOG_INTERVAL_S = 2.0
# Control periods of steady time without a new reading after which the clock counts as stopped.
_STALLED_PERIODS = 5
# A tick has to take what is left. A camera of 60 Hz sends two frames meanwhile; five are kept.
_COLLECT_INTERVAL_S = 0.02
# Time to the next tick in which everything else but planning may be done.
_CHORES_S = 0.01
# The longest that it waits for such a moment.
_CHORES_WAIT_S = 0.1
# Time to the next tick in which pictures can be made ready for a plan. Right after a tick one is
# asked for in any case.
_ASKING_S = 0.005
# The longest wait for the stop to arrive when the node is deactivated.
_STOPPED_S = 1.0
# A reading of both clocks that took longer than this says nothing of either.
_ONE_INSTANT_S = 0.005


class PolicyControl:
    """
    Everything that exists between configuring and cleaning up.

    `poll` serves ticks between `begin` and `end`; `changed` is called when something is to be
    told. Calls nothing that waits, but for the lock-step with a simulator.
    """

    def __init__(
            self, node: LifecycleNode, facts: BundleFacts, process: PlanningProcess,
            settings: PolicyParameters, authority: Authority, receive_clock: ReceiveClock,
            changed: Callable[[], None]) -> None:
        self.facts = facts
        self.source = Source.NONE
        self.reasons: tuple[Reason, ...] = ()
        self.reload: Reload | None = None
        self._node = node
        self._log = node.get_logger()
        self._settings = settings
        self._authority = authority
        self._changed = changed
        self._process = process
        self._lock_step = settings['lock_step']
        self._pilot = Pilot(
            facts.contract, process, horizon=facts.horizon, steering=self.steering,
            execution=settings.execution(), authority=authority)
        self._complaints = Complaints(period_s=facts.contract.clock.period_ns * 1e-9)
        self._records = RunRecords(node, facts.contract, settings['report_dir'])
        self._inputs = PolicyInputs(
            node, facts.contract, self._pilot.gate, receive_clock,
            lock_step=lambda: self._lock_step)
        shadow = settings['shadow']
        self._outputs = PolicyOutputs(node, facts.contract, shadow=shadow)
        self._company = PolicyCompany(node, self._outputs, None if shadow else facts.contract)
        self._operator = OperatorCommands(node, facts.contract) if shadow else None
        people = [DeadMan(node, settings, authority, self.heed_people)]
        if not shadow:
            people.append(Teleoperation(node, facts.contract, self._teleoperate, self._refuse))
        self._parts: list[Any] = [
            self._inputs, self._outputs, self._records, *people, *filter(None, [self._operator])]
        self._loop: TickLoop | None = None
        self._collect_due_s = self._chores_due_s = 0.0

    @property
    def running(self) -> bool:
        """Whether ticks are being served."""
        return self._loop is not None and self._loop.running

    @property
    def steering(self) -> Steering:
        """How chunks are planned now."""
        return self._settings.steering(self.facts.steering)

    def begin(self) -> None:
        """Serve ticks from the next one on, with a fresh chunk and fresh random latents."""
        self._seed = self._settings['seed']
        self._lock_step = self._settings['lock_step']
        clock = self.facts.contract.clock
        simulated = self._node.get_parameter('use_sim_time').value
        # What is simulated goes by the simulated clock, at whatever rate it runs.
        self._pilot.steady_s = None if simulated else time.monotonic
        self._pilot.steering = self.steering  # a chunk may be asked for before the first tick
        self._pilot.begin(self._seed, self._settings.execution())
        self._records.begin(
            bundle=self.facts.name, **asdict(self.steering), seed=self._seed,
            shadow=self._operator is not None)
        if self._operator is not None:
            self._operator.reset()
        self._refused_at: int | None = None
        self._company.begin()
        self._watch = ClockWatch(
            simulated=simulated, still_s=_STALLED_PERIODS * clock.period_ns * 1e-9,
            period_s=clock.period_ns * 1e-9)
        self._loop = TickLoop(
            self._node, clock, self._on_tick, ready=self._ready, lock_step=self._lock_step,
            wait_s=self._settings['lock_step_wait_s'], precise=not simulated)
        self._loop.start()

    def end(self) -> None:
        """Serve no more ticks and publish the stop, if any were served."""
        if not self.running:
            return
        self._loop.stop()
        self.source, self.reasons = Source.NONE, ()
        if self._lock_step:
            # Nothing real moves, and a recorder must not lose the last command to the stop.
            self._outputs.confirm(LAST_WORD_S)
        self._outputs.send(self._pilot.stop(self._now_ns()))
        self._outputs.confirm(_STOPPED_S)
        self._records.end(**self._counts())

    def close(self) -> None:
        """Take the topics down and end the planning."""
        if self.reload is not None:
            self.reload.close()
        for part in (*self._parts, self._process):
            part.close()

    def poll(self) -> None:
        """Serve the control tick that is due, have chunks planned, do what can wait."""
        served = False
        if self.running:
            self._offer_refused_tick_again()
            self._watch_clock()
            served = self._loop.poll()
            if not self._lock_step:
                # A person's word may be over long before the next tick.
                self.heed_people()
                self._pilot.think(self._now_ns(), self._inputs.collect, hurried=(
                    not served and self._loop.wait_s() < _ASKING_S))
        # What can wait is done after a tick, so that it does not delay the next one; where a clock
        # stands still right before one, it is done all the same.
        self.idle = (served or not self.running or self._loop.wait_s() > _CHORES_S
                     or time.monotonic() > self._chores_due_s)
        if self.idle:
            self._chores_due_s = time.monotonic() + _CHORES_WAIT_S
            self._do_chores()

    def wait_s(self) -> float:
        """Return the time to the next tick or plan, in seconds."""
        wait_s = self._loop.wait_s()
        if not self._lock_step and self._authority.armed:
            wait_s = min(wait_s, self._pilot.planner.due_in_s(
                self._now_ns(), self._pilot.steering))
        return wait_s

    def why_not_to_arm(self) -> str:
        """Return what keeps the policy from being armed, in one line, or nothing."""
        return self._process.death or self._company.others()

    def unheard(self) -> str:
        """Return which command topics nobody listens to, in one line, or nothing."""
        return self._company.unheard()

    def why_not_acting(self) -> tuple[Reason, ...]:
        """Return the last tick's reasons, and what none finds while nobody asks for plans."""
        death = self._process.death
        if not death:
            return self.reasons
        return (Reason(subject='inference', text=death, disarms=True),
                *(reason for reason in self.reasons if death not in reason.text))

    def heed_people(self) -> None:
        """Stop at once where a person no longer lets anybody command."""
        if not self.running or self.source == Source.NONE:
            return
        source, why = self._authority.source(self._now_ns())
        if source == Source.NONE:
            self._halt(Reason(subject='authority', stale=True, text=why))

    def begin_reload(self, name: str, start: Callable[[], PlanningProcess]) -> str:
        """Load another bundle in a process that `start` makes; return what is said of it."""
        self.reload = Reload(
            name, start, self.facts, self._settings.steering, lambda: self._settings['seed'])
        return self.reload.progress

    def figures(self) -> dict[str, str]:
        """Return counts and times as text."""
        shadow = {} if self._operator is None else self._operator.figures()
        return {**self._records.log.brief(),
                **{name: str(count) for name, count in self._counts().items()}, **shadow}

    def take_complaints(self) -> list[str]:
        """Return what was wrong since the last call, one line a kind."""
        return [*self._complaints.take(), *self._inputs.complaints()]

    def _on_tick(self, tick: int, time_ns: int, skipped: int) -> None:
        late_s = (self._now_ns() - time_ns) * 1e-9
        began_s = time.perf_counter()
        # A picture takes long to copy, and the command does not depend on it.
        self._inputs.collect(pictures=self._lock_step)
        collected_s = time.perf_counter()
        self._take_steering()
        self._look_for_listeners()
        self._pilot.shows_chunks = self._outputs.shows_chunks()
        if self._seed != self._settings['seed']:
            self._seed = self._settings['seed']
            self._pilot.planner.reseed(self._seed)
        decision = self._pilot.tick(tick, self._now_ns)
        decided_s = time.perf_counter()
        self._carry_out(decision)
        record = tick_record(
            decision, tick=tick, time_ns=time_ns, skipped=skipped, late_s=late_s,
            shadow=self._operator is not None,
            collect_s=collected_s - began_s, decide_s=decided_s - collected_s,
            publish_s=time.perf_counter() - decided_s)
        self._records.tick(record, armed=self._authority.armed,
                           why_not=self._authority.source(self._now_ns())[1])
        self._complaints.record(decision, skipped=skipped)
        self._collect()
        if self._operator is not None and decision.acting:
            self._operator.compare(decision.command, self._now_ns())
        self._refused_at = None if decision.acting else self._inputs.count

    def _take_steering(self) -> None:
        steering, before = self.steering, self._pilot.steering
        if steering == before:
            return
        self._pilot.steering = steering
        for name, value in asdict(steering).items():
            if value != getattr(before, name):
                self._records.log.changed(name, value, self._now_ns())

    def _counts(self) -> dict[str, int]:
        return {'late_plans': self._pilot.planner.counts.late,
                'dropped_actions': self._pilot.schedule.dropped}

    def _carry_out(self, decision: Decision) -> None:
        """Publish what was decided and tell what has changed."""
        subjects = {reason.subject for reason in self.reasons}
        self._obey(decision)
        # Waiting for a person is no news.
        news = {reason.subject for reason in decision.reasons} - {'authority'} or (
            subjects != {'authority'})
        if decision.source == Source.NONE and news:
            self._log.warning(
                f'not acting: {"; ".join(map(str, decision.reasons))}',
                throttle_duration_sec=_LOG_INTERVAL_S)

    def _obey(self, decision: Decision) -> None:
        self._outputs.send(decision.messages, decision.chunks)
        self.reasons = decision.reasons
        self._take_source(decision.source)

    def _take_source(self, source: Source) -> None:
        """Take who commands from now on, and tell of a change."""
        before, self.source = self.source, source
        if source not in (before, Source.NONE):
            self._log.info(
                {Source.POLICY: 'acting', Source.TELEOP: 'a person commands'}[source],
                throttle_duration_sec=_LOG_INTERVAL_S)
        if source != before:
            self._changed()

    def _halt(self, reason: Reason) -> None:
        now_ns = self._now_ns()
        self._obey(self._pilot.halt(reason, now_ns))
        self._records.halted(reason, now_ns)
        if reason.subject == 'authority':
            # What a person wants is no error.
            self._log.warning(f'stopped: {reason}')
        else:
            self._log.error(f'stopped: {reason}')
        self._changed()

    def _watch_clock(self) -> None:
        """Stop the robot when the node's clock cannot be trusted; a lock-step clock may wait."""
        if self._lock_step:
            return
        before_s = time.monotonic()
        now_ns, now_s = self._now_ns(), time.monotonic()
        if now_s - before_s > _ONE_INSTANT_S:
            return
        wrong = self._watch.look(now_ns, now_s)
        if not wrong:
            return
        self._authority.forget_times()
        if self._authority.armed or self.source != Source.NONE:
            self._halt(Reason(subject='clock', text=wrong, disarms=True))
        # What was received by the clock as it was is not comparable.
        self._pilot.gate.clear()
        self._loop.start()

    def _do_chores(self) -> None:
        if self.running:
            self._look_for_others()
            if time.monotonic() >= self._collect_due_s:
                self._collect()
        if self.reload is not None and not self.reload.done:
            self._go_on_reloading()

    def _look_for_others(self) -> None:
        """Disarm where somebody else commands the robot, or say so where it is disarmed."""
        intruder = self._company.intruder()
        if intruder is not None and self._authority.armed:
            self._halt(intruder)
        elif intruder is not None:
            self._complaints.tell('others', intruder.text)

    def _look_for_listeners(self) -> None:
        """Stop where a controller has gone or come, or say so where nothing moves."""
        if self._operator is not None or self._lock_step:
            return
        if unheard := self.unheard():
            self._complaints.tell('unheard', unheard)
        change = self._company.change_of_listeners()
        if change is not None and (
                self._authority.armed if change.disarms else self.source == Source.POLICY):
            self._halt(change)

    def _collect(self) -> None:
        self._collect_due_s = time.monotonic() + _COLLECT_INTERVAL_S
        self._inputs.collect()

    def _go_on_reloading(self) -> None:
        self._inputs.collect()
        progress = self.reload.progress
        self.reload.poll(self._pilot, self._now_ns())
        if self.reload.facts is not None:
            self.facts, self._process = self.reload.facts, self.reload.process
            self._records.log.changed('bundle', self.facts.name, self._now_ns())
            self._take_steering()  # the network may not know what suited the one before
            self._log.info(f'reload: {self.reload.progress}')
        elif self.reload.done:
            self._keep_bundle()
        if self.reload.progress != progress:
            self._changed()

    def _keep_bundle(self) -> None:
        """Have the parameter name the running bundle, which the next configuring is to take."""
        again = ''
        if self._settings['bundle'] == self.reload.name != self.facts.name:
            self._node.set_parameters([Parameter('bundle', value=self.facts.name)])
            again = f'; the parameter bundle names {self.facts.name} again'
        self._log.error(f'reload: {self.reload.progress}{again}')

    def _teleoperate(self, key: str, values: np.ndarray) -> None:
        if not self.running:
            return
        messages = self._pilot.teleoperate(key, values, self._now_ns())
        self._outputs.send(messages)
        if messages:
            # Known before the next tick, so that an e-stop until then stops at once.
            self._take_source(Source.TELEOP)

    def _refuse(self) -> None:
        self._authority.refuse(self._now_ns())
        self.heed_people()

    def _ready(self, tick_ns: int) -> bool:
        """
        Tell whether the observations of a tick are here, and the last command has arrived.

        With the observations of the next tick the tick is over, so it is not served either.
        """
        self._inputs.collect()
        gate = self._pilot.gate
        return (not self._outputs.unheard() and self._outputs.received() and gate.ready(tick_ns)
                and not gate.ready(tick_ns + self.facts.contract.clock.period_ns))

    def _offer_refused_tick_again(self) -> None:
        """In lock-step time stands still after a refusal, so new input makes its tick due."""
        if self._lock_step and self._refused_at not in (None, self._inputs.count):
            self._refused_at = None
            self._loop.start()

    def _now_ns(self) -> int:
        return self._node.get_clock().now().nanoseconds
