"""The simulated arm, the policy that moves it, and what goes wrong between them."""

import json
import os
from pathlib import Path
import time

from diagnostic_msgs.msg import DiagnosticArray
from fault_planner import CONTRACT_NAME
from fault_planner import FAR_M
from fault_planner import REAL_TIME_FACTOR
from fault_relay import BEHIND
from fault_relay import Relay
from fault_relay import Tampering
from lifecycle_msgs.msg import Transition
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import LATCHED
from lps_ros.nodes.remote import Remote
import numpy as np
from policy_harness import NodeProcess
from policy_harness import PolicyProcess
from policy_harness import ROOT
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Bool
from std_msgs.msg import String

CONFIGURE = Transition.TRANSITION_CONFIGURE
ACTIVATE = Transition.TRANSITION_ACTIVATE
DEACTIVATE = Transition.TRANSITION_DEACTIVATE
PATIENCE_S = 2.0  # of the policy, simulated
_WAIT_S = 90.0  # a loaded machine takes half a minute to import torch
_STEADY_NS = 100_000_000
_TURNS_BEFORE_M = 0.1  # it must not turn round while a fault is looked at


class FaultRig:
    """An arm that moves to and fro in one process, its policy in another, and this one between."""

    def __init__(self, folder, domain, way):
        """Take a folder, a ROS domain and how the arm is commanded, see fault_ways."""
        self._folder, self._domain, self.way = folder, domain, way
        self.bundle = folder / 'bundle'
        self.bundle.mkdir()
        (self.bundle / CONTRACT_NAME).write_text(way.contract(), encoding='utf-8')
        self.network('')
        # The second one is there for when the first has been ended.
        self.policies = [self._policy(name) for name in ('policy', 'policy_2')]
        self.policy = self.policies[0]
        self._simulators = []
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = Node('test_between', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._remote = Remote(self.node, self._spin_once, timeout_s=_WAIT_S)
        self.relay = Relay(self.node, way)
        self._e_stop = self.node.create_publisher(Bool, 'e_stop', 10)
        self._other = None
        for policy in self.policies:
            policy.statuses = []
            self.node.create_subscription(
                String, f'{policy.name}/status', lambda message, policy=policy:
                policy.statuses.append(json.loads(message.data)), LATCHED)
        self._diagnostics = []
        self.node.create_subscription(
            DiagnosticArray, '/diagnostics', lambda message: self._diagnostics.extend(
                status.message for status in message.status
                if status.name.startswith(self.policy.name)), 50)
        self.start_simulator()
        self.activate()

    def close(self):
        """End everything."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)
        for process in (*self.policies, *self._simulators):
            process.close()

    def network(self, fault):
        """Choose what is wrong with the network; see fault_planner."""
        file = self.bundle / 'fault'
        file.with_suffix('.new').write_text(fault, encoding='utf-8')
        file.with_suffix('.new').replace(file)

    def start_simulator(self):
        """Start the arm's simulator and wait until it runs."""
        remaps = [part for topic, behind in BEHIND.items()
                  for part in ('-r', f'{topic}:={behind}')]
        self.simulator = NodeProcess(
            ('-m', 'lps_ros.nodes.simulated_robot_node'),
            self._folder / f'simulator_{len(self._simulators)}.log', self._domain, *remaps,
            mode='free', real_time_factor=REAL_TIME_FACTOR, episode_steps=0)
        self._simulators.append(self.simulator)
        self.relay.begin_anew()
        self.until(lambda: self.relay.path.known)

    def _use_second_policy(self):
        self.policy = self.policies[1]
        self.activate()

    def end_policy(self, number):
        """End the policy by a signal, and keep the streams going until it has ended."""
        self.policy.ended = True
        self.policy.signal(number)
        self.until(lambda: not self.policy.alive())

    def tamper_no_more(self):
        """Pass the streams on as they are."""
        self.relay.tampering = Tampering()

    def activate(self):
        """Configure and activate the policy."""
        self.until(lambda: self.policy.statuses)
        if self.status['state'] == 'unconfigured':
            self.change(CONFIGURE)
            self.until(self.relay.heard_by_policy)
        for channel in self.relay.channels:
            channel.begin_anew()
        self.change(ACTIVATE)

    def change(self, transition):
        """Take the policy through a lifecycle transition."""
        self._remote.change_state(self.policy.name, transition)

    def trigger(self, service):
        """Call a Trigger service of the policy."""
        return self._remote.trigger(f'{self.policy.name}/{service}')

    def reload(self):
        """Have the policy load its bundle again; return what came of it once that is known."""
        self.trigger('reload')
        return self.reloaded()

    def reloaded(self):
        """Return what came of the reload that has just been asked for."""
        self.until(lambda: self.status['reload'].startswith('loading'))
        self.until(lambda: any(
            word in self.status['reload'] for word in ('refused', 'has taken over')))
        return self.status['reload']

    @property
    def status(self):
        """Return the policy's last word."""
        return self.policy.statuses[-1]

    def says(self):
        """Return all that the policy has said since `forget_reports`."""
        statuses = [status[key] for status in self.policy.statuses for key in ('reason', 'reload')]
        return [*statuses, *self._diagnostics]

    def forget_reports(self):
        """Forget all but the policy's last status."""
        self.policy.statuses[:] = self.policy.statuses[-1:]
        self._diagnostics.clear()

    def begin_to_watch_for_waiting(self):
        """Begin to watch how long the processes wait for a processor."""
        self._watched_from = time.monotonic(), self._waited_s()

    def waiting(self):
        """Return the largest share of time that a process has waited for a processor since."""
        since_s, before_s = self._watched_from
        now_s = self._waited_s()
        waited_s = [now_s[pid] - before_s[pid] for pid in now_s if pid in before_s]
        return max(waited_s) / (time.monotonic() - since_s)

    def _waited_s(self):
        pids = [os.getpid(), *(process.pid for process in (self.policy, self.simulator)
                               if process.alive())]
        return {pid: int(Path('/proc', str(pid), 'schedstat').read_text().split()[1]) * 1e-9
                for pid in pids}

    def press_e_stop(self, pressed):
        """Press or release the e-stop."""
        self._e_stop.publish(Bool(data=pressed))

    def command_too(self, commands):
        """Begin to command the arm beside the policy, or leave it alone again."""
        if commands:
            self._other = self.node.create_publisher(self.way.kind, self.way.topic, 1)
            self._other.publish(self.way.somebody_else(self.relay.arm))
        else:
            self.node.destroy_publisher(self._other)

    def set_off(self):
        """Wait until the policy moves the arm fast, and not about to turn; arm it where needed."""
        if self.policy.ended:
            self._use_second_policy()
        while not self._moves_well():
            self.until(lambda: self.status['armed'] or self._arm())
            self.until(lambda: self._moves_well() or not self.status['armed'])

    def _arm(self):
        try:
            self.trigger('arm')
        except StartError:
            return False
        self.until(lambda: self.status['armed'])
        return True

    def _moves_well(self):
        path = self.relay.path
        _, speeds = path.speeds(self.relay.time.newest_ns - _STEADY_NS)
        outwards = path.y * path.y_velocity > 0
        return (self.status['acting'] and len(speeds) > 5 and np.min(speeds) > self.way.fast_m_s
                and not (outwards and abs(path.y) > FAR_M - _TURNS_BEFORE_M))

    def until(self, condition, *, within_s=_WAIT_S):
        """Turn the executor until the condition holds."""
        end_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < end_s, self.policy.log()
            self._spin_once(0.02)

    def wait(self, seconds):
        """Let simulated time pass."""
        end_ns = self.relay.time.newest_ns + seconds * 1e9
        self.until(lambda: self.relay.time.newest_ns >= end_ns)

    def _spin_once(self, timeout_s):
        assert self.policy.ended or self.policy.alive(), self.policy.log()
        self._executor.spin_once(timeout_sec=timeout_s)

    def _policy(self, name):
        process = PolicyProcess(
            (str(ROOT / 'test' / 'nodes' / 'fault_planner.py'),), self._folder / f'{name}.log',
            self._domain, '-r', f'__node:={name}', bundle=self.bundle, use_sim_time=True,
            arm_on_activate=False, ramp_s=0.1, patience_s=PATIENCE_S, dead_man_topic='joy',
            dead_man_button=0)
        process.name = name
        return process
