"""Recorder node: turns teleoperation into episodes, marked through std_srvs services."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from datetime import datetime
from datetime import timezone
from functools import partial
import json
from pathlib import Path
import sys
import time
from typing import Any

from lps_ros.contract import ContractError
from lps_ros.contract import extract
from lps_ros.contract import load_contract
from lps_ros.contract import MessageError
from lps_ros.contract import Observation
from lps_ros.data import DataError
from lps_ros.data.messages import decode
from lps_ros.data.messages import STRING
from lps_ros.data.provenance import TICKS_TOPIC
from lps_ros.data.recording import jumped_back
from lps_ros.data.recording import Recording
from lps_ros.nodes.parameters import declare
from lps_ros.nodes.process import run_node
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import LATCHED
from lps_ros.nodes.receive_clock import drain
from lps_ros.nodes.receive_clock import ReceiveClock
from lps_ros.nodes.ros_messages import message_class
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import Subscription
from std_msgs.msg import String
from std_srvs.srv import Trigger

# A slow disk may hold up the executor for this many messages before one is lost.
_QUEUE_DEPTH = 200
_CLOCK_S = 2.0
_SETTLE_S = 0.02


class RecorderNode(Node):
    """
    Records the contract's topics; `~/start`, `~/save_success`, `~/save_failure`, `~/discard`.

    The raw serialised messages go to `<dataset>/.partial/`; an episode file appears only on save.
    `~/status` (latched String, JSON) tells the state, the number of saved episodes and the last
    error or file.
    """

    finished = False

    def __init__(self) -> None:
        super().__init__('recorder')
        self._read_parameters()
        self._receive_clock = ReceiveClock(self)
        self._recording: Recording | None = None
        self._lost = ''
        self._newest: dict[str, tuple[bytes, int, int]] = {}
        self._newest_ns = 0
        self._saved = {'success': 0, 'failure': 0}
        self._status = self.create_publisher(String, '~/status', LATCHED)
        # By the topic's name in the recording: its type and subscription.
        self._streams: dict[str, tuple[str, Subscription]] = {}
        for spec in (*self._contract.observations, *self._contract.actions):
            # Several keys may share a topic.
            if spec.topic not in self._streams:
                self._subscribe(spec.topic, spec.type)
        if self._ticks:
            self._subscribe(TICKS_TOPIC, STRING)
        for name, act in (
                ('start', self._start), ('save_success', partial(self._save, 'success')),
                ('save_failure', partial(self._save, 'failure')), ('discard', self._discard)):
            self.create_service(Trigger, f'~/{name}', self._answer(act))
        self.create_timer(0.5, self._match_reliability)
        self._tell('idle')

    def poll(self) -> None:
        """Have nothing due; all work is in callbacks."""

    def wait_s(self) -> float:
        """Wait for the next callback."""
        return 1.0

    def stop(self) -> None:
        """Leave an unfinished recording on disk, where `lps dataset repair` finds it."""
        if self._recording is not None:
            self._receive_clock.flush()
            self.get_logger().warning(
                f'ended while recording; kept {self._recording.path}: lps dataset repair')
            self._recording.close()
            self._recording = None

    def _read_parameters(self) -> None:
        contract = declare(self, 'contract', '', 'Contract file of the robot.', read_only=True)
        declare(self, 'dataset', 'dataset', 'Folder of the episodes, taken over on start.')
        self._leave_out = declare(
            self, 'leave_out', '', 'Observation keys not to record, separated by commas.',
            read_only=True)
        declare(self, 'operator', '', 'Who demonstrates.')
        declare(self, 'source', 'teleop', 'Where the commands come from, teleop or policy.')
        declare(self, 'policy', '',
                'Settings of the commanding policy as JSON, which lps replay repeats.')
        self._ticks = declare(
            self, 'ticks', 'policy/tick',
            'Topic on which the policy node tells of its ticks; empty: not recorded.',
            read_only=True)
        declare(self, 'keep_bag', False, 'Keep the raw messages of each episode as a rosbag2.')
        declare(self, 'image_format', 'jpeg', 'How frames are stored.',
                one_of=('jpeg', 'png', 'raw'))
        if not contract:
            raise StartError("parameter 'contract' is empty; give the robot's contract file")
        try:
            self._contract = load_contract(contract)
            if self._leave_out:
                left_out = {key.strip() for key in self._leave_out.split(',')}
                for key in left_out:
                    self._contract.observation(key)
                self._contract = self._contract.subset(
                    [spec.key for spec in self._contract.observations
                     if spec.key not in left_out])
        except ContractError as error:
            raise StartError(str(error)) from error

    def _subscribe(
            self, topic: str, type_name: str,
            reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE) -> None:
        self._streams[topic] = (type_name, self.create_subscription(
            message_class(type_name), self._ticks if topic == TICKS_TOPIC else topic,
            partial(self._receive, topic, type_name),
            QoSProfile(depth=_QUEUE_DEPTH, reliability=reliability), raw=True))

    def _match_reliability(self) -> None:
        """
        Ask for reliable delivery, except from a topic with a publisher that does not offer it.

        Commands are reliable by convention, so the change, which costs messages, is for sensors;
        while recording only a stream that has brought nothing so far is changed.
        """
        for topic, (type_name, subscription) in list(self._streams.items()):
            if self._recording is not None and topic in self._newest:
                continue
            offers = {info.qos_profile.reliability
                      for info in self.get_publishers_info_by_topic(subscription.topic_name)}
            wanted = (ReliabilityPolicy.RELIABLE if offers == {ReliabilityPolicy.RELIABLE}
                      else ReliabilityPolicy.BEST_EFFORT)
            if offers and wanted != subscription.qos_profile.reliability:
                self.destroy_subscription(subscription)
                self._subscribe(topic, type_name, wanted)

    def _receive(self, topic: str, type_name: str, cdr: bytes, info: dict[str, Any]) -> None:
        self._receive_clock.message(
            info, partial(self._keep, topic, type_name, bytes(cdr),
                          info.get('publication_sequence_number') or 0))

    def _keep(
            self, topic: str, type_name: str, cdr: bytes, sequence: int, received_ns: int) -> None:
        now_ns = self._receive_clock.reading_ns(received_ns)
        if jumped_back(self._newest_ns, now_ns):
            # A simulator was started again: nothing from before is in force.
            self._newest.clear()
            self._newest_ns = 0
        self._newest[topic] = (cdr, sequence, received_ns)
        self._newest_ns = max(self._newest_ns, received_ns)
        self._append(lambda recording: recording.write(
            topic, type_name, cdr, received_ns, sequence=sequence, now_ns=now_ns))

    def _append(self, write: Callable[[Recording], None]) -> None:
        """Add to the recording, if there is one; an error ends it and leaves its log."""
        if self._recording is None:
            return
        try:
            write(self._recording)
        except (OSError, DataError) as error:
            self._recording.abandon()
            self._lost = f'; it stopped: {error}; what came before lies in {self._recording.path}'
            self._recording = None
            self.get_logger().error(f'recording stopped: {error}')
            self._tell('error', error=str(error))

    def _answer(self, act: Callable[[], str]) -> Callable[..., Trigger.Response]:
        """Make a service callback of an action that returns a line or raises one."""
        def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            try:
                response.message = act()
                response.success = True
            except (OSError, DataError, StartError) as error:
                response.message = str(error)
                self.get_logger().error(response.message)
            return response
        return answer

    def _start(self) -> str:
        if self._recording is not None:
            raise StartError('already recording; save or discard the episode first')
        # A simulator that has just been found may not have been heard yet.
        if not self._receive_clock.wait_until_running(_CLOCK_S):
            raise StartError('found no reading of /clock, which use_sim_time needs; start the '
                             'simulator, or the recorder without use_sim_time')
        self._lost = ''
        details = self._start_details()
        self._drain()
        self._recording = Recording.begin(
            self._dataset(), self._contract, keep_bag=self.get_parameter('keep_bag').value,
            image_format=self.get_parameter('image_format').value)
        path = self._recording.path
        # What was in force at the start: the newest message of every topic.
        for topic, (cdr, sequence, received_ns) in sorted(
                self._newest.items(), key=lambda item: item[1][-1]):
            self._keep(topic, self._streams[topic][0], cdr, sequence, received_ns)
        self._mark('start', **details)
        if self._recording is None:
            raise StartError('the recording could not be written; ~/status says why')
        doubts = list(self._doubts())
        for doubt in doubts:
            self.get_logger().warning(doubt)
        self._tell('recording', **({'warning': '; '.join(doubts)} if doubts else {}))
        return f'recording to {path}' + (f'; WARNING: {"; ".join(doubts)}' if doubts else '')

    def _doubts(self) -> Iterator[str]:
        """Return what would keep the episode from being saved if it stayed as it is."""
        for spec in (*self._contract.observations, *self._contract.actions):
            newest = self._newest.get(spec.topic)
            if newest is not None:
                try:
                    extract(spec, decode(spec.type, newest[0]))
                except (DataError, MessageError) as error:
                    yield f"'{spec.topic}' does not fit '{spec.key}': {error}"
            elif isinstance(spec, Observation) and spec.required:
                yield f"nothing received yet on '{spec.topic}' for '{spec.key}'"

    def _start_details(self) -> dict[str, Any]:
        """Return what the episode keeps about its making."""
        details = {name: self.get_parameter(name).value for name in ('operator', 'source')}
        now = datetime.now(timezone.utc)
        details |= {'task': self._contract.task.name,
                    'utc': now.isoformat(timespec='milliseconds')}
        text = self.get_parameter('policy').value
        try:
            return details | ({'policy': json.loads(text)} if text else {})
        except ValueError as error:
            raise StartError(f"parameter 'policy' is no JSON ({error}); set it to an object such "
                             'as {"mode": "steered", "seed": 0}, or to nothing') from error

    def _save(self, outcome: str) -> str:
        self._need_recording()
        self._mark(outcome)
        self._drain()
        self._receive_clock.flush()
        self._need_recording()
        self._tell('saving')
        recording, self._recording = self._recording, None
        try:
            file = recording.save()
        except (OSError, DataError) as error:
            self._tell('error', error=str(error))
            raise
        self._saved[outcome] += 1
        self._tell('idle', file=str(file))
        return f'saved {file}'

    def _discard(self) -> str:
        self._need_recording()
        recording, self._recording = self._recording, None
        recording.discard()
        self._tell('idle')
        return 'discarded'

    def _dataset(self) -> Path:
        return Path(self.get_parameter('dataset').value)

    def _need_recording(self) -> None:
        if self._recording is None:
            raise StartError(f'not recording{self._lost or "; call ~/start first"}')

    def _mark(self, event: str, **details: Any) -> None:
        marked = self._recording

        def mark(time_ns: int) -> None:
            # It may have been discarded before the time was known.
            if self._recording is marked:
                self._append(lambda recording: recording.event(event, time_ns, **details))
        self._receive_clock.event(mark)

    def _drain(self) -> None:
        """Take what has arrived, and what was sent before now and is still on its way."""
        for pause_s in (0.0, _SETTLE_S):
            time.sleep(pause_s)
            for topic, (type_name, subscription) in self._streams.items():
                drain(subscription, partial(self._receive, topic, type_name))

    def _tell(self, state: str, **details: str) -> None:
        self._status.publish(String(data=json.dumps(
            {'state': state, 'saved': self._saved, 'dataset': str(self._dataset()), **details})))


def main(args: Sequence[str] | None = None) -> int:
    """Run the recorder node."""
    return run_node(RecorderNode, args)


if __name__ == '__main__':
    sys.exit(main())
