"""Policy node: plans chunks with a bundle's policy and commands the robot at every tick."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import asdict
import sys
import time
from typing import Any

from lps_ros.contract import Contract
from lps_ros.control.cadence import Cadence
from lps_ros.control.gates import Reason
from lps_ros.control.pilot import Pilot
from lps_ros.control.pilot import Steering
from lps_ros.nodes.managed_node import ManagedNode
from lps_ros.nodes.parameters import declare
from lps_ros.nodes.policy_bundle import ready_bundle
from lps_ros.nodes.policy_bundle import ReadyBundle
from lps_ros.nodes.policy_inputs import PolicyInputs
from lps_ros.nodes.policy_outputs import PolicyOutputs
from lps_ros.nodes.policy_report import Condition
from lps_ros.nodes.policy_report import PolicyReport
from lps_ros.nodes.process import run_node
from lps_ros.nodes.process import StartError
from lps_ros.nodes.receive_clock import ReceiveClock
from lps_ros.nodes.tick_loop import TickLoop
from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter

_WARM_UP_PLANS = 3
_LOG_INTERVAL_S = 2.0
# Control periods of steady time without a tick after which the clock counts as stopped.
_STALLED_PERIODS = 5
_REPORT_INTERVAL_S = 0.1


class PolicyNode(ManagedNode):
    """
    Lifecycle node `policy`: the only publisher on the command topics while it is active.

    Publishes the next action on each command topic at every control tick and each new chunk on
    `~/chunk/<key>`. On missing, stale or unfit input it publishes one stop, says why in
    `/diagnostics`, `~/status` (latched String, JSON) and the log, and goes on with a fresh chunk
    once the input is fit again. A stop also goes out on deactivation, error and shutdown.
    """

    finished = False

    def __init__(self, *, load: Callable[[str], Any] | None = None) -> None:
        """Take what loads a bundle, `load_bundle` unless given."""
        super().__init__('policy')
        self._load = load
        self._receive_clock = ReceiveClock(self)
        self._report = PolicyReport(self)
        self._pilot: Pilot | None = None
        self._inputs: PolicyInputs | None = None
        self._outputs: PolicyOutputs | None = None
        self._loop: TickLoop | None = None
        self._cadence: Cadence | None = None
        self._contract: Contract | None = None
        self._own = Steering(mode='steered')
        self._reasons: tuple[Reason, ...] = ()
        self._acting = False
        self._refused_at: int | None = None
        self._declare_parameters()
        self.changed_state()
        if self.get_parameter('autostart').value:
            self._start()

    def poll(self) -> None:
        """Serve the control tick that is due and report once a second."""
        if self._loop is not None and self._loop.running:
            self._offer_refused_tick_again()
            self._loop.poll()
            self._stop_with_the_clock()
        if time.monotonic() >= self._report_due_s:
            self.changed_state()

    def wait_s(self) -> float:
        """Return the time to the next tick, in seconds."""
        return 0.05 if self._loop is None else self._loop.wait_s()

    def stop(self) -> None:
        """Stop the robot; the context is still valid."""
        self.deactivate()

    def configure(self) -> None:
        """Load and check the bundle, warm its network up, create topics."""
        bundle = self._load_bundle()
        contract = self._contract = bundle.contract
        self._own = bundle.steering
        self._cadence = Cadence(period_s=contract.clock.period_ns * 1e-9)
        self._pilot = Pilot(
            contract, bundle.policy, horizon=bundle.policy.horizon, steering=self._steering())
        times_s = [self._pilot.plan_once(_generator(0)) for _ in range(_WARM_UP_PLANS)]
        self._inputs = PolicyInputs(self, contract, self._pilot.gate, self._receive_clock)
        self._outputs = PolicyOutputs(self, contract)
        self.get_logger().info(
            f'loaded {self._value("bundle")} for {contract.name}; a chunk of '
            f'{bundle.policy.horizon} is planned in {min(times_s) * 1e3:.1f} ms')

    def activate(self) -> None:
        """Act from the next tick on, with a fresh chunk and fresh random latents."""
        self._seed = self._value('seed')
        self._pilot.begin(_generator(self._seed))
        self._cadence.reset()
        self._refused_at = None
        self._served_s = time.monotonic()
        self._loop = TickLoop(
            self, self._contract.clock, self._on_tick, ready=self._ready,
            lock_step=self._value('lock_step'), wait_s=self._value('lock_step_wait_s'))
        self._loop.start()

    def deactivate(self) -> None:
        """Serve no more ticks and publish the stop, if active."""
        if self._loop is None or not self._loop.running:
            return
        self._loop.stop()
        self._acting, self._reasons = False, ()
        if self._value('lock_step'):
            # Nothing real moves, and a recorder must not lose the last command to the stop.
            self._outputs.confirm()
        self._outputs.send(self._pilot.stop(self._now_ns()))
        self._outputs.confirm()

    def cleanup(self) -> None:
        """Forget the bundle and take the topics down."""
        for part in (self._inputs, self._outputs):
            if part is not None:
                part.close()
        self._pilot = self._inputs = self._outputs = None
        self._loop = self._cadence = self._contract = None

    def changed_state(self) -> None:
        """Publish what has changed or is due."""
        self._report_due_s = time.monotonic() + _REPORT_INTERVAL_S
        steering = self._steering()
        self._report.update(Condition(
            state=self.state, acting=self._acting, failure=self.failure,
            bundle=self._value('bundle'),
            contract='' if self._contract is None else (
                f'{self._contract.name} {self._contract.data_hash}'),
            **asdict(steering), seed=self._value('seed')),
            self._reasons, self._cadence)

    def _declare_parameters(self) -> None:
        declare(self, 'bundle', '', 'Folder of the policy bundle.')
        declare(self, 'contract', '',
                "Contract file of this robot; its topics, ages and limits replace the bundle's.")
        declare(self, 'mode', 'default', "Latents from the latent actor or drawn at random; "
                "'default': as the bundle says.", one_of=('default', 'steered', 'prior'))
        declare(self, 'candidates', 0,
                "Latents per plan, the best by Q is taken; 0: with the bundle's own mode its own "
                'number, else 1.',
                between=(0, 1024))
        declare(self, 'strength', -1.0,
                'How far steered chunks leave the behaviour prior: 0 not at all, 1 as learnt; '
                "below 0: with the bundle's own mode its own strength, else 1.",
                between=(-1.0, 1.0))
        declare(self, 'replan_every', 0,
                "Ticks after which a new chunk is planned; 0: the bundle's own number, or when "
                'the chunk is used up.', between=(0, 1000))
        declare(self, 'seed', 0, 'Seed of the latents, applied on activation and on change.',
                between=(0, 2**31 - 1))
        declare(self, 'lock_step', False, 'Whether a simulator waits for the command of a tick.')
        declare(self, 'lock_step_wait_s', 1.0,
                'Longest wall time that a tick waits for its observations, in s.',
                between=(0.0, 60.0))
        declare(self, 'autostart', False, 'Configure and activate at start; exit if that fails.',
                read_only=True)
        self.add_on_set_parameters_callback(self._check_parameters)

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name in ('bundle', 'contract') and self.state != 'unconfigured':
                return SetParametersResult(successful=False, reason=(
                    f'{parameter.name} is read on configuring; clean the node up first'))
            if parameter.name.startswith('lock_step') and self.state == 'active':
                return SetParametersResult(successful=False, reason=(
                    f'{parameter.name} is read on activating; deactivate the node first'))
        return SetParametersResult(successful=True)

    def _start(self) -> None:
        # The error that ends the process says why; the log would say it twice.
        self.logs_failures = False
        for trigger in (self.trigger_configure, self.trigger_activate):
            trigger()
            if self.failure:
                raise StartError(self.failure)
        self.logs_failures = True

    def _load_bundle(self) -> ReadyBundle:
        import torch

        # More threads make inference erratic beside the middleware's own.
        torch.set_num_threads(1)
        path = self._value('bundle')
        if not path:
            raise StartError("parameter 'bundle' is empty; give the folder of a policy bundle")
        bundle = ready_bundle(path, self._value('contract'), self._load)
        for line in bundle.deployment:
            self.get_logger().info(f'deployment differs from the bundle: {line}')
        return bundle

    def _on_tick(self, tick: int, time_ns: int, skipped: int) -> None:
        began_s = time.perf_counter()
        self._served_s = time.monotonic()
        self._inputs.collect()
        self._pilot.steering = self._steering()
        if self._seed != self._value('seed'):
            self._seed = self._value('seed')
            self._pilot.reseed(_generator(self._seed))
        decision = self._pilot.tick(tick, self._now_ns)
        self._outputs.send(decision.messages, decision.chunks)
        self._cadence.record(
            decision, skipped=skipped, tick_s=time.perf_counter() - began_s)
        if decision.reasons:
            self.get_logger().warning(
                f'not acting: {"; ".join(map(str, decision.reasons))}',
                throttle_duration_sec=_LOG_INTERVAL_S)
        elif not self._acting:
            self.get_logger().info('acting', throttle_duration_sec=_LOG_INTERVAL_S)
        self._acting, self._reasons = decision.acting, decision.reasons
        self._refused_at = None if decision.acting else self._inputs.count
        self.changed_state()

    def _stop_with_the_clock(self) -> None:
        """Stop the robot when the node's clock stands still; a lock-step clock may."""
        still_s = time.monotonic() - self._served_s
        limit_s = _STALLED_PERIODS * self._contract.clock.period_ns * 1e-9
        if not self._acting or self._value('lock_step') or still_s < limit_s:
            return
        self._outputs.send(self._pilot.stop(self._now_ns()))
        self._acting = False
        self._reasons = (Reason(
            subject='clock', stale=True,
            text=f'the clock has stood still for {still_s:.2f} s; check what publishes /clock'),)
        self.get_logger().error(f'stopped: {self._reasons[0]}')
        self.changed_state()

    def _ready(self, tick_ns: int) -> bool:
        """
        Tell whether the observations of a tick are here, and the last command has arrived.

        With the observations of the next tick the tick is over, so it is not served either.
        """
        self._inputs.collect()
        gate = self._pilot.gate
        return (self._outputs.connected() and self._outputs.received() and gate.ready(tick_ns)
                and not gate.ready(tick_ns + self._contract.clock.period_ns))

    def _offer_refused_tick_again(self) -> None:
        """In lock-step time stands still after a refusal, so new input makes its tick due."""
        if (self._refused_at not in (None, self._inputs.count)
                and self._value('lock_step')):
            self._refused_at = None
            self._loop.start()

    def _steering(self) -> Steering:
        mode, strength = self._value('mode'), self._value('strength')
        own = self._own if mode == 'default' else Steering(mode=mode)
        return Steering(
            mode=own.mode, candidates=self._value('candidates') or own.candidates,
            strength=own.strength if strength < 0 else strength,
            replan_every=self._value('replan_every') or own.replan_every)

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value


def _generator(seed: int) -> Any:
    import torch

    return torch.Generator().manual_seed(seed)


def main(args: Sequence[str] | None = None) -> int:
    """Run the policy node."""
    return run_node(PolicyNode, args)


if __name__ == '__main__':
    sys.exit(main())
