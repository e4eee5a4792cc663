"""Policy node: plans chunks with a bundle's policy and commands the robot at every tick."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
import gc
import sys
import time
from typing import Any

from lps_ros.contract import advise
from lps_ros.control.authority import Authority
from lps_ros.control.planning import Steering
from lps_ros.control.planning_process import PlanningProcess
from lps_ros.nodes.e_stop import EStop
from lps_ros.nodes.managed_node import ManagedNode
from lps_ros.nodes.policy_bundle import warm_bundle
from lps_ros.nodes.policy_control import PolicyControl
from lps_ros.nodes.policy_parameters import PolicyParameters
from lps_ros.nodes.policy_people import ArmServices
from lps_ros.nodes.policy_report import Condition
from lps_ros.nodes.policy_report import PolicyReport
from lps_ros.nodes.process import end_requested
from lps_ros.nodes.process import run_node
from lps_ros.nodes.process import StartError
from lps_ros.nodes.realtime import enter_realtime
from lps_ros.nodes.receive_clock import ReceiveClock
from std_srvs.srv import Trigger

_REPORT_INTERVAL_S = 0.1
_NO_BUNDLE = "parameter 'bundle' is empty; give the folder of a policy bundle"


class PolicyNode(ManagedNode):
    """
    Lifecycle node `policy`: the only publisher on the command topics while it is active.

    Publishes the next action on each command topic at every control tick and each new chunk on
    `~/chunk/<key>`; the network plans in a process of its own. Acts while it is armed (`~/arm`,
    `~/disarm`) and no person does: the e-stop and the dead-man switch win over everything,
    teleoperation on `teleop/<topic>`, obeyed or refused, over the policy. On missing, stale or
    unfit input it publishes one stop, says why in `/diagnostics`, `~/status` (latched String,
    JSON) and the log, and goes on with a fresh chunk once the input is fit again; what a person
    has to look at also disarms. A stop also goes out on deactivation, error and shutdown.
    `~/reload` brings in the bundle that the parameter names now.
    """

    finished = False
    control_type = PolicyControl  # for a subclass that measures

    def __init__(self, *, load: Callable[[str], Any] | None = None) -> None:
        """Take what loads a bundle, `load_bundle` unless given; another process calls it."""
        super().__init__('policy')
        self._load = load
        self._settings = PolicyParameters(self, lambda: self.state)
        enter_realtime(self._settings['realtime_priority'])
        self._receive_clock = ReceiveClock(self)
        self._report = PolicyReport(self)
        self._control: PolicyControl | None = None
        self._authority = Authority()
        self._e_stop = EStop(self, self._settings['e_stop_topic'], self._on_e_stop)
        ArmServices(self, self._arm, self._disarm)
        self.create_service(Trigger, '~/reload', self._on_reload)
        self.changed_state()
        if self._settings['autostart']:
            self._start()

    def poll(self) -> None:
        """Serve the control tick that is due, have chunks planned, report once a second."""
        idle = True
        if self._control is not None:
            self._control.poll()
            idle = self._control.idle
        if idle:
            self._look_for_e_stop()
        if idle and time.monotonic() >= self._report_due_s:
            self.changed_state()

    def wait_s(self) -> float:
        """Return the time to the next tick or plan, in seconds."""
        return self._control.wait_s() if self._running else 0.05

    def stop(self) -> None:
        """Stop the robot and end the planning; the context is still valid."""
        self.deactivate()
        self.cleanup()

    def configure(self) -> None:
        """Load and check the bundle, warm its network up, create topics."""
        name = self._settings['bundle']
        if not name:
            raise StartError(_NO_BUNDLE)
        process = self._start_planning()
        try:
            process.wait_ready(self._while_loading)
            self._authority = Authority(self._settings.authority_limits())
            self._authority.press_stop(self._e_stop.pressed)
            self._control = self.control_type(
                self, process.facts, process, self._settings, self._authority,
                self._receive_clock, self.changed_state)
        except Exception:
            process.close()
            raise
        facts = process.facts
        for line in facts.deployment:
            self.get_logger().info(f'deployment differs from the bundle: {line}')
        if self._moves_something_real:
            period_s = facts.contract.clock.period_ns * 1e-9
            for line in (*advise(facts.contract), *self._settings.advice(period_s)):
                self.get_logger().warning(f'consider: {line}')
        self.get_logger().info(
            f'loaded {name} for {facts.contract.name}; a chunk of {facts.horizon} is planned in '
            f'{facts.plan_s * 1e3:.1f} ms')
        self.get_logger().info(f'the e-stop is listened to on {self._e_stop.topic}')
        # What is there now stays; looking through it again and again would only cost time. What
        # was there before may have been cleaned up.
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def activate(self) -> None:
        """Serve ticks from the next one on, with a fresh chunk and fresh random latents."""
        self._settings.check_clock()
        if self._moves_something_real:
            # Loading has taken longer than this, as a rule.
            self._e_stop.wait_for_discovery(self._give_up_at_the_end)
        self._control.begin()
        if self._settings['arm_on_activate']:
            armed, why = self._arm()
            if not armed:
                self.get_logger().warning(f'not armed: {why}')

    def deactivate(self) -> None:
        """Serve no more ticks and publish the stop, if active."""
        if self._running:
            # First, so that nothing that goes wrong in the end leaves it armed.
            self._authority.disarm('the node was deactivated')
            self._control.end()

    def cleanup(self) -> None:
        """Forget the bundle, end the planning and take the topics down."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def changed_state(self) -> None:
        """Publish what has changed or is due."""
        self._report_due_s = time.monotonic() + _REPORT_INTERVAL_S
        common = {'state': self.state, 'failure': self.failure, 'seed': self._settings['seed'],
                  'armed': self._authority.armed, 'shadow': self._settings['shadow']}
        control = self._control
        if control is None:
            self._report.update(Condition(
                bundle=self._settings['bundle'], contract='',
                **asdict(self._settings.steering(Steering(mode='steered'))), **common))
            return
        contract = control.facts.contract
        self._report.update(
            Condition(
                bundle=control.facts.name, contract=f'{contract.name} {contract.data_hash}',
                source=control.source.value, **asdict(control.steering), **common,
                reload='' if control.reload is None else control.reload.progress),
            control.why_not_acting(), control.figures, control.take_complaints)

    @property
    def _running(self) -> bool:
        return self._control is not None and self._control.running

    @property
    def _moves_something_real(self) -> bool:
        return not (self._settings['shadow'] or self._settings['lock_step'])

    def _start(self) -> None:
        # The error that ends the process says why; the log would say it twice.
        self.logs_failures = False
        for trigger in (self.trigger_configure, self.trigger_activate):
            trigger()
            if self.failure:
                raise StartError(self.failure)
        self.logs_failures = True

    def _while_loading(self) -> None:
        self._e_stop.listen()
        self._give_up_at_the_end()

    def _give_up_at_the_end(self) -> None:
        if end_requested():
            raise StartError('the process is asked to end')

    def _start_planning(self) -> PlanningProcess:
        return PlanningProcess(partial(
            warm_bundle, self._settings['bundle'], self._settings['contract'], self._load))

    def _arm(self) -> tuple[bool, str]:
        self._e_stop.listen()
        refusal = (self._control.why_not_to_arm() or self._authority.arm() if self._running
                   else self._not_in_this_state('activate it first'))
        if refusal and self._e_stop.pressed:
            refusal = '; '.join(filter(None, (refusal, self._e_stop.doubt())))
        if refusal:
            return False, refusal
        self.get_logger().info('armed')
        self.changed_state()
        doubts = list(filter(None, (self._e_stop.doubt(), self._control.unheard()))) if (
            self._moves_something_real) else []
        for doubt in doubts:
            self.get_logger().warning(doubt)
        return True, '; '.join(['armed', *doubts])

    def _not_in_this_state(self, advice: str) -> str:
        advice = 'start it anew' if self.state == 'finalized' else advice
        return f'the node is {self.state}; {advice}'

    def _disarm(self) -> tuple[bool, str]:
        self._authority.disarm('by request')
        self._heed_people()
        self.changed_state()
        return True, 'disarmed'

    def _on_e_stop(self, pressed: bool) -> None:
        self._authority.press_stop(pressed)
        self._heed_people()

    def _look_for_e_stop(self) -> None:
        """Disarm where the e-stop can no longer be pressed."""
        gone = self._e_stop.gone()
        if gone and self._authority.armed and self._moves_something_real:
            self._authority.disarm(gone)
            self._heed_people()
            self.changed_state()

    def _heed_people(self) -> None:
        if self._control is not None:
            self._control.heed_people()

    def _on_reload(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        control = self._control
        if control is None:
            response.message = self._not_in_this_state('configure it instead')
        elif not self._settings['bundle']:
            response.message = _NO_BUNDLE
        elif control.reload is not None and not control.reload.done:
            response.message = f'under way: {control.reload.progress}'
        else:
            try:
                progress = control.begin_reload(self._settings['bundle'], self._start_planning)
            except OSError as error:  # no memory, no process left
                response.message = f'no process could be started: {error}'
                return response
            response.success = True
            response.message = f'{progress}; ~/status tells what comes of it'
        return response


def main(args: Sequence[str] | None = None) -> int:
    """Run the policy node."""
    return run_node(PolicyNode, args)


if __name__ == '__main__':
    sys.exit(main())
