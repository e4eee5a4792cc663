"""Policy node: plans chunks with a bundle's policy and commands the robot at every tick."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
import gc
import sys
import time
from typing import Any

from lps_ros.control.authority import Authority
from lps_ros.control.authority import Source
from lps_ros.control.cadence import Cadence
from lps_ros.control.clock_watch import ClockWatch
from lps_ros.control.gates import Reason
from lps_ros.control.pilot import Decision
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import Steering
from lps_ros.control.planning_process import PlanningProcess
from lps_ros.nodes.managed_node import ManagedNode
from lps_ros.nodes.policy_bundle import BundleFacts
from lps_ros.nodes.policy_bundle import warm_bundle
from lps_ros.nodes.policy_inputs import PolicyInputs
from lps_ros.nodes.policy_outputs import PolicyOutputs
from lps_ros.nodes.policy_parameters import PolicyParameters
from lps_ros.nodes.policy_people import ArmServices
from lps_ros.nodes.policy_people import DeadMan
from lps_ros.nodes.policy_people import EStop
from lps_ros.nodes.policy_people import foreign_publishers
from lps_ros.nodes.policy_people import Teleoperation
from lps_ros.nodes.policy_reload import Reload
from lps_ros.nodes.policy_report import Condition
from lps_ros.nodes.policy_report import PolicyReport
from lps_ros.nodes.policy_shadow import OperatorCommands
from lps_ros.nodes.process import run_node
from lps_ros.nodes.process import StartError
from lps_ros.nodes.receive_clock import ReceiveClock
from lps_ros.nodes.tick_loop import TickLoop
import numpy as np
from std_srvs.srv import Trigger

_LOG_INTERVAL_S = 2.0
# Control periods of steady time without a new reading after which the clock counts as stopped.
_STALLED_PERIODS = 5
_REPORT_INTERVAL_S = 0.1
_GRAPH_INTERVAL_S = 0.5
# A camera of 30 Hz sends two frames meanwhile; five are kept.
_COLLECT_INTERVAL_S = 0.05
# Time to the next tick in which everything else but planning may be done.
_CHORES_S = 0.01
# A reading of both clocks that took longer than this says nothing of either.
_ONE_INSTANT_S = 0.005


class PolicyNode(ManagedNode):
    """
    Lifecycle node `policy`: the only publisher on the command topics while it is active.

    Publishes the next action on each command topic at every control tick and each new chunk on
    `~/chunk/<key>`; the network plans in a process of its own. Acts while it is armed (`~/arm`,
    `~/disarm`) and no person does: the e-stop and the dead-man switch win over everything,
    teleoperation on `teleop/<topic>` over the policy. On missing, stale or unfit input it
    publishes one stop, says why in `/diagnostics`, `~/status` (latched String, JSON) and the
    log, and goes on with a fresh chunk once the input is fit again; what a person has to look at
    also disarms. A stop also goes out on deactivation, error and shutdown.
    """

    finished = False

    def __init__(self, *, load: Callable[[str], Any] | None = None) -> None:
        """Take what loads a bundle, `load_bundle` unless given; another process calls it."""
        super().__init__('policy')
        self._load = load
        self._settings = PolicyParameters(self, lambda: self.state)
        self._receive_clock = ReceiveClock(self)
        self._report = PolicyReport(self)
        self._facts: BundleFacts | None = None
        self._pilot: Pilot | None = None
        self._loop: TickLoop | None = None
        self._reload: Reload | None = None
        self._parts: list[Any] = []  # with `close()`, made on configuring
        self._shadow: OperatorCommands | None = None
        self._authority = Authority()
        self._source = Source.NONE
        self._reasons: tuple[Reason, ...] = ()
        self._refused_at: int | None = None
        self._seed = 0
        self._graph_due_s = self._collect_due_s = 0.0
        self._e_stop = EStop(self, self._settings['e_stop_topic'], self._on_e_stop)
        ArmServices(self, self._arm, self._disarm)
        self.create_service(Trigger, '~/reload', self._on_reload)
        self.changed_state()
        if self._settings['autostart']:
            self._start()

    def poll(self) -> None:
        """Serve the control tick that is due, have chunks planned, report once a second."""
        served = False
        if self._running:
            self._offer_refused_tick_again()
            self._watch_clock()
            served = self._loop.poll()
            if not self._settings['lock_step']:
                self._pilot.think(self._now_ns(), self._inputs.collect)
        # What can wait is done after a tick, so that it does not delay the next one.
        if served or not self._running or self._loop.wait_s() > _CHORES_S:
            self._do_chores()

    def wait_s(self) -> float:
        """Return the time to the next tick or plan, in seconds."""
        if not self._running:
            return 0.05
        wait_s = self._loop.wait_s()
        if not self._settings['lock_step'] and self._authority.armed:
            wait_s = min(wait_s, self._pilot.planner.due_in_s(
                self._now_ns(), self._pilot.steering))
        return wait_s

    def stop(self) -> None:
        """Stop the robot and end the planning; the context is still valid."""
        self.deactivate()
        self.cleanup()

    def configure(self) -> None:
        """Load and check the bundle, warm its network up, create topics."""
        name = self._settings['bundle']
        if not name:
            raise StartError("parameter 'bundle' is empty; give the folder of a policy bundle")
        process = self._start_planning()
        self._parts = [process]
        process.wait_ready()
        facts = self._facts = process.facts
        for line in facts.deployment:
            self.get_logger().info(f'deployment differs from the bundle: {line}')
        contract, shadow = facts.contract, self._settings['shadow']
        self._authority = Authority(self._settings.authority_limits())
        self._authority.press_stop(self._e_stop.pressed)
        self._pilot = Pilot(
            contract, process, horizon=facts.horizon, steering=self._steering(),
            execution=self._settings.execution(), authority=self._authority)
        self._cadence = Cadence(period_s=contract.clock.period_ns * 1e-9)
        self._inputs = PolicyInputs(
            self, contract, self._pilot.gate, self._receive_clock,
            lock_step=lambda: self._settings['lock_step'])
        self._outputs = PolicyOutputs(self, contract, shadow=shadow)
        self._shadow = OperatorCommands(self, contract) if shadow else None
        people = [DeadMan(self, self._settings, self._authority, self._heed_people)]
        if not shadow:
            people.append(Teleoperation(self, contract, self._teleoperate))
        self._parts += [self._inputs, self._outputs, *people, *filter(None, [self._shadow])]
        self.get_logger().info(
            f'loaded {name} for {contract.name}; a chunk of {facts.horizon} is planned in '
            f'{facts.plan_s * 1e3:.1f} ms')
        # What is there now stays; looking through it again and again would only cost time.
        gc.collect()
        gc.freeze()

    def activate(self) -> None:
        """Serve ticks from the next one on, with a fresh chunk and fresh random latents."""
        self._seed = self._settings['seed']
        clock = self._facts.contract.clock
        self._pilot.begin(self._seed, self._settings.execution())
        self._cadence.reset()
        if self._shadow is not None:
            self._shadow.reset()
        self._refused_at = None
        self._watch = ClockWatch(
            simulated=self.get_parameter('use_sim_time').value,
            still_s=_STALLED_PERIODS * clock.period_ns * 1e-9)
        self._loop = TickLoop(
            self, clock, self._on_tick, ready=self._ready,
            lock_step=self._settings['lock_step'], wait_s=self._settings['lock_step_wait_s'],
            precise=not self.get_parameter('use_sim_time').value)
        self._loop.start()
        if self._settings['arm_on_activate']:
            refusal = self._why_not_to_arm() or self._authority.arm()
            if refusal:
                self.get_logger().warning(f'not armed: {refusal}')

    def deactivate(self) -> None:
        """Serve no more ticks and publish the stop, if active."""
        if not self._running:
            return
        self._loop.stop()
        self._source, self._reasons = Source.NONE, ()
        if self._settings['lock_step']:
            # Nothing real moves, and a recorder must not lose the last command to the stop.
            self._outputs.confirm()
        self._outputs.send(self._pilot.stop(self._now_ns()))
        self._outputs.confirm()
        self._authority.disarm('the node was deactivated')

    def cleanup(self) -> None:
        """Forget the bundle, end the planning and take the topics down."""
        if self._reload is not None:
            self._reload.close()
            self._reload = None
        for part in self._parts:
            part.close()
        self._parts = []
        self._pilot = self._loop = self._facts = self._shadow = None

    def changed_state(self) -> None:
        """Publish what has changed or is due."""
        self._report_due_s = time.monotonic() + _REPORT_INTERVAL_S
        steering, facts = self._steering(), self._facts
        condition = Condition(
            state=self.state, failure=self.failure, source=self._source.value,
            bundle=self._settings['bundle'] if facts is None else facts.name,
            contract='' if facts is None else f'{facts.contract.name} {facts.contract.data_hash}',
            armed=self._authority.armed, shadow=self._settings['shadow'],
            reload='' if self._reload is None else self._reload.progress,
            **asdict(steering), seed=self._settings['seed'])
        if facts is None:
            self._report.update(condition, self._reasons)
        else:
            self._report.update(
                condition, self._reasons, self._figures, self._cadence.take_complaints)

    def _do_chores(self) -> None:
        if self._running:
            self._look_for_others()
            if time.monotonic() >= self._collect_due_s:
                self._collect()
        if self._reload is not None:
            self._go_on_reloading()
        if time.monotonic() >= self._report_due_s:
            self.changed_state()

    @property
    def _running(self) -> bool:
        return self._loop is not None and self._loop.running

    def _start(self) -> None:
        # The error that ends the process says why; the log would say it twice.
        self.logs_failures = False
        for trigger in (self.trigger_configure, self.trigger_activate):
            trigger()
            if self.failure:
                raise StartError(self.failure)
        self.logs_failures = True

    def _start_planning(self) -> PlanningProcess:
        return PlanningProcess(partial(
            warm_bundle, self._settings['bundle'], self._settings['contract'], self._load))

    def _on_tick(self, tick: int, time_ns: int, skipped: int) -> None:
        began_s = time.perf_counter()
        # A picture takes long to copy, and the command does not depend on it.
        self._inputs.collect(pictures=self._settings['lock_step'])
        self._pilot.steering = self._steering()
        self._pilot.shows_chunks = self._outputs.shows_chunks()
        if self._seed != self._settings['seed']:
            self._seed = self._settings['seed']
            self._pilot.planner.reseed(self._seed)
        decision = self._pilot.tick(tick, self._now_ns)
        self._carry_out(decision)
        self._cadence.record(decision, skipped=skipped, tick_s=time.perf_counter() - began_s)
        self._collect()
        if self._shadow is not None and decision.acting:
            self._shadow.compare(decision.command, self._now_ns())
        self._refused_at = None if decision.acting else self._inputs.count

    def _collect(self) -> None:
        self._collect_due_s = time.monotonic() + _COLLECT_INTERVAL_S
        self._inputs.collect()

    def _carry_out(self, decision: Decision) -> None:
        """Publish what was decided and tell what has changed."""
        self._outputs.send(decision.messages, decision.chunks)
        before, self._source = self._source, decision.source
        subjects = {reason.subject for reason in self._reasons}
        self._reasons = decision.reasons
        # Waiting for a person is no news.
        news = {reason.subject for reason in decision.reasons} - {'authority'} or (
            subjects != {'authority'})
        if decision.source == Source.NONE and news:
            self.get_logger().warning(
                f'not acting: {"; ".join(map(str, decision.reasons))}',
                throttle_duration_sec=_LOG_INTERVAL_S)
        elif decision.source not in (before, Source.NONE):
            self.get_logger().info(
                {Source.POLICY: 'acting', Source.TELEOP: 'a person commands'}[decision.source],
                throttle_duration_sec=_LOG_INTERVAL_S)
        if decision.source != before:
            self.changed_state()

    def _watch_clock(self) -> None:
        """Stop the robot when the node's clock cannot be trusted; a lock-step clock may wait."""
        if self._settings['lock_step']:
            return
        before_s = time.monotonic()
        now_ns, now_s = self._now_ns(), time.monotonic()
        if now_ns == 0 or now_s - before_s > _ONE_INSTANT_S:
            return
        wrong = self._watch.look(now_ns, now_s)
        if not wrong:
            return
        self._authority.forget_times()
        if self._authority.armed or self._source != Source.NONE:
            self._halt(Reason(subject='clock', text=wrong, disarms=True))
        # What was received by the clock as it was is not comparable.
        self._pilot.gate.clear()
        self._loop.start()

    def _look_for_others(self) -> None:
        """Disarm where somebody else commands the robot."""
        if (not self._authority.armed or time.monotonic() < self._graph_due_s
                or self._shadow is not None):
            return
        self._graph_due_s = time.monotonic() + _GRAPH_INTERVAL_S
        if others := foreign_publishers(self, self._facts.contract):
            self._halt(Reason(subject='command', text=others, disarms=True))

    def _halt(self, reason: Reason) -> None:
        self._carry_out(self._pilot.halt(reason, self._now_ns()))
        self.get_logger().error(f'stopped: {reason}')
        self.changed_state()

    def _arm(self) -> tuple[bool, str]:
        refusal = self._why_not_to_arm() or self._authority.arm()
        if not refusal:
            self.get_logger().info('armed')
            self.changed_state()
        return not refusal, refusal or 'armed'

    def _disarm(self) -> tuple[bool, str]:
        self._authority.disarm('disarmed by request')
        self._heed_people()
        self.changed_state()
        return True, 'disarmed'

    def _why_not_to_arm(self) -> str:
        if not self._running:
            return f'the node is {self.state}; activate it first'
        if self._shadow is None:
            return foreign_publishers(self, self._facts.contract)
        return ''

    def _on_e_stop(self, pressed: bool) -> None:
        self._authority.press_stop(pressed)
        self._heed_people()

    def _heed_people(self) -> None:
        """Stop at once where a person no longer lets anybody command."""
        if not self._running or self._source == Source.NONE:
            return
        source, why = self._authority.source(self._now_ns())
        if source == Source.NONE:
            self._halt(Reason(subject='authority', stale=True, text=why))

    def _teleoperate(self, key: str, values: np.ndarray) -> None:
        if self._running:
            self._outputs.send(self._pilot.teleoperate(key, values, self._now_ns()))

    def _on_reload(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._facts is None:
            response.message = f'the node is {self.state}; configure it instead'
        elif self._reload is not None and not self._reload.done:
            response.message = f'under way: {self._reload.progress}'
        else:
            self._reload = Reload(
                self._settings['bundle'], self._start_planning, self._facts,
                self._settings.steering, self._settings['seed'])
            response.success = True
            response.message = f'{self._reload.progress}; ~/status tells what comes of it'
        return response

    def _go_on_reloading(self) -> None:
        if self._reload.done:
            return
        self._inputs.collect()
        progress = self._reload.progress
        self._reload.poll(self._pilot, self._now_ns())
        if self._reload.facts is not None:
            self._facts = self._reload.facts
            self._parts[0] = self._reload.process
        if self._reload.done:
            self.get_logger().info(f'reload: {self._reload.progress}')
        if self._reload.progress != progress:
            self.changed_state()

    def _ready(self, tick_ns: int) -> bool:
        """
        Tell whether the observations of a tick are here, and the last command has arrived.

        With the observations of the next tick the tick is over, so it is not served either.
        """
        self._inputs.collect()
        gate = self._pilot.gate
        return (self._outputs.connected() and self._outputs.received() and gate.ready(tick_ns)
                and not gate.ready(tick_ns + self._facts.contract.clock.period_ns))

    def _offer_refused_tick_again(self) -> None:
        """In lock-step time stands still after a refusal, so new input makes its tick due."""
        if (self._refused_at not in (None, self._inputs.count)
                and self._settings['lock_step']):
            self._refused_at = None
            self._loop.start()

    def _steering(self) -> Steering:
        own = Steering(mode='steered') if self._facts is None else self._facts.steering
        return self._settings.steering(own)

    def _figures(self) -> dict[str, str]:
        schedule, counts = self._pilot.schedule, self._pilot.planner.counts
        shadow = {} if self._shadow is None else self._shadow.figures()
        return {**self._cadence.figures(), 'late_plans': str(counts.late),
                'dropped_actions': str(schedule.dropped), **shadow}

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds


def main(args: Sequence[str] | None = None) -> int:
    """Run the policy node."""
    return run_node(PolicyNode, args)


if __name__ == '__main__':
    sys.exit(main())
