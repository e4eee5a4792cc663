"""The recorder node in its own process, on real rclpy, against a robot that the test plays."""

from collections.abc import Callable
from collections.abc import Iterator
import json
import os
from pathlib import Path
import resource
import signal
import time

from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
import h5py
from lps_ros.cli.main import main as lps
from lps_ros.cli.processes import NodeProcesses
from lps_ros.contract import ControlClock
from lps_ros.control.authority import Source
from lps_ros.control.tick_record import TickRecord
from lps_ros.data.convert import convert_bag
from lps_ros.data.episode import Episode
from lps_ros.nodes.process import StartError
from lps_ros.nodes.qos import COMMAND
from lps_ros.nodes.qos import LATCHED
from lps_ros.nodes.qos import SENSOR_SOURCE
from lps_ros.nodes.remote import Remote
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos import ReliabilityPolicy
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import String

CONTRACT = Path(__file__).parents[2] / 'config' / 'ur5e_cube.yaml'
JOINTS = ['wrist_3_joint', 'gripper_opening', 'shoulder_pan_joint', 'shoulder_lift_joint',
          'elbow_joint', 'wrist_1_joint', 'wrist_2_joint']
PATIENCE_S = 30.0


class Lab:
    """A recorder process, and a node that plays robot and teleoperation at real time."""

    def __init__(self, tmp_path: Path) -> None:
        self.dataset = tmp_path / 'dataset'
        self.joints = list(JOINTS)
        self.silent: set[str] = set()
        self.status: dict = {}
        self.nodes = NodeProcesses(tmp_path / 'logs')
        rclpy.init()
        self.node = rclpy.create_node('lab')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.remote = Remote(self.node, self.spin_once, timeout_s=PATIENCE_S)
        self.node.create_subscription(
            String, 'recorder/status',
            lambda message: setattr(self, 'status', json.loads(message.data)), LATCHED)
        publish = self.node.create_publisher
        self._joint_states = publish(JointState, 'joint_states', SENSOR_SOURCE)
        self._poses = {name: publish(PoseStamped, name, SENSOR_SOURCE)
                       for name in ('tool_pose', 'cube_pose', 'goal_pose')}
        self._twist = publish(TwistStamped, 'servo_node/delta_twist_cmds', COMMAND)
        self._opening = publish(Float64MultiArray, 'gripper_controller/commands', COMMAND)
        self.sent = 0
        self.node.create_timer(0.01, self._publish)

    def start(self, **parameters: bool | str) -> None:
        """Start the recorder and wait until it receives what the robot publishes."""
        self.nodes.__enter__()
        self.nodes.start('recorder', {'contract': str(CONTRACT), 'dataset': str(self.dataset),
                                      'leave_out': 'front', **parameters})
        self.until(lambda: self.status.get('state') == 'idle')
        self.until(lambda: all(publisher.get_subscription_count() for publisher in (
            self._joint_states, *self._poses.values(), self._twist, self._opening)))
        self.more(20)

    def more(self, count: int) -> None:
        """Go on until so many further messages of each kind were sent."""
        target = self.sent + count
        self.until(lambda: self.sent >= target)

    def until(self, done: Callable[[], object]) -> None:
        """Spin until a condition holds."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline_s, 'waited in vain'
            assert not self.nodes.dead(), self.nodes.dead()
            self.spin_once(0.02)

    def spin_once(self, timeout_s: float) -> None:
        """Turn the executor once."""
        self._executor.spin_once(timeout_sec=timeout_s)

    def call(self, service: str) -> str:
        """Call one of the recorder's services."""
        return self.remote.trigger(f'recorder/{service}')

    def process(self) -> int:
        """Return the recorder's process id."""
        return self.nodes.pid('recorder')

    def files(self, folder: str) -> list[Path]:
        """Return the files in a folder of the dataset."""
        return sorted((self.dataset / folder).glob('*'))

    def close(self) -> None:
        """End everything."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()
        self.nodes.__exit__(None, None, None)

    def _publish(self) -> None:
        stamp = self.node.get_clock().now().to_msg()
        self.sent += 1
        joints = JointState(name=self.joints)
        joints.header.stamp = stamp
        joints.position = [0.1 * i for i in range(len(self.joints))]
        joints.velocity = joints.effort = [0.0] * len(self.joints)
        self._joint_states.publish(joints)
        for name, publisher in self._poses.items():
            if name in self.silent:
                continue
            pose = PoseStamped()
            pose.header.stamp, pose.header.frame_id = stamp, 'base_link'
            pose.pose.position.x, pose.pose.orientation.w = 0.4, 1.0
            publisher.publish(pose)
        if self.sent % 5 == 0:
            twist = TwistStamped()
            twist.header.stamp, twist.header.frame_id = stamp, 'base_link'
            twist.twist.linear.x = 0.01 * (self.sent % 7)
            self._twist.publish(twist)
            self._opening.publish(Float64MultiArray(data=[0.04]))


@pytest.fixture
def lab(tmp_path: Path, ros_domain: int) -> Iterator[Lab]:
    """Give a lab that is taken down again."""
    made = Lab(tmp_path)
    yield made
    made.close()


def test_marked_episodes_land_whole_in_their_folders(lab: Lab) -> None:
    lab.start(operator='ann', keep_bag=True)
    lab.call('start')
    lab.more(60)
    lab.call('save_success')
    lab.call('start')
    lab.more(30)
    lab.call('save_failure')
    lab.call('start')
    lab.call('discard')
    success, = lab.files('success')
    assert len(lab.files('failure')) == 1 and not lab.files('.partial')
    assert lab.status['saved'] == {'success': 1, 'failure': 1}
    with h5py.File(success) as file:
        ticks = file['tick/time_ns'][:]
        assert len(ticks) >= 8 and set(np.diff(ticks)) == {50_000_000}
        received = file['stream/joints/received_ns'][:]
        chosen = received[file['tick/index/joints'][:]]
        newest = received[np.searchsorted(received, ticks, side='right') - 1]
        assert np.array_equal(chosen, newest) and np.all(chosen <= ticks)
    with Episode.open(success) as episode:
        # Ordered by the contract's names, not as the robot lists them.
        np.testing.assert_allclose(
            episode.stream('joints').data[0, :6], [0.2, 0.3, 0.4, 0.5, 0.6, 0.0])
        assert episode.attributes['operator'] == 'ann'
    bag = next(path for path in lab.files('bags') if path.name == f'success_{success.stem}')
    with Reader(bag) as reader:
        assert '/joint_states' in reader.topics
    again, = convert_bag(bag, None, lab.dataset / 'again')
    assert again.read_bytes() == success.read_bytes()


class FakePolicy:
    """Tells of its ticks as the policy node does: by itself, except while a person commands."""

    def __init__(self, lab: Lab, topic: str) -> None:
        self.source = Source.POLICY
        self._lab = lab
        self._clock = ControlClock(20.0)
        self._told: int | None = None
        self.publisher = lab.node.create_publisher(String, topic, 10)
        lab.node.create_timer(0.005, self._tick)

    def _tick(self) -> None:
        now_ns = self._lab.node.get_clock().now().nanoseconds
        tick = self._clock.index_at_or_before(now_ns)
        if tick == self._told:
            return
        self._told = tick
        chunk = ({'chunk': tick // 5, 'index': tick % 5, 'plan_s': 0.01}
                 if self.source == Source.POLICY else {})
        self.publisher.publish(String(data=TickRecord(
            tick=tick, time_ns=int(self._clock.time_ns(tick)), source=self.source,
            age_s={'joints': 0.004}, **chunk).to_json()))


@pytest.mark.parametrize('topic', ['policy/tick', 'arm/pilot/tick'])
def test_an_intervention_is_in_the_episode(lab: Lab, topic: str) -> None:
    policy = FakePolicy(lab, topic)
    lab.start(keep_bag=True, **({} if topic == 'policy/tick' else {'ticks': topic}))
    lab.until(lambda: policy.publisher.get_subscription_count())
    lab.call('start')
    for source in (Source.POLICY, Source.TELEOP, Source.POLICY):
        policy.source = source
        lab.more(40)
    lab.call('save_success')
    success, = lab.files('success')
    with h5py.File(success) as file:
        group = file['provenance']
        names = list(group.attrs['sources'])
        sources = np.array([names[number] for number in group['source'][()]])
        assert len(sources) == len(file['tick/time_ns'])
        assert {'policy', 'teleop'} <= set(sources)
        known = sources[sources != 'unknown']
        assert [source for before, source in zip(['', *known], known) if source != before] == [
            'policy', 'teleop', 'policy']
        of_policy = sources == 'policy'
        ticks = file['tick/time_ns'][()] // 50_000_000
        assert np.array_equal(group['chunk'][()][of_policy], ticks[of_policy] // 5)
        assert np.array_equal(group['index'][()][of_policy], ticks[of_policy] % 5)
        assert (group['chunk'][()][~of_policy] == -1).all()
        assert set(group['age_s/joints'][()][sources != 'unknown']) == {0.004}
        begin, end = group['offset'][[0, -1]]
        assert end - begin == len(group['json']) > 100 * (sources != 'unknown').sum()
        twist = file['stream/twist']
        assert {twist.attrs['sources'][number] for number in twist['source']} == {
            'policy', 'teleop'}
    assert lps(['dataset', 'verify', str(lab.dataset)]) == 0
    bag, = lab.files('bags')
    again, = convert_bag(bag, None, lab.dataset / 'again')
    assert again.read_bytes() == success.read_bytes()


def test_ticks_are_not_recorded_on_request(lab: Lab) -> None:
    policy = FakePolicy(lab, 'policy/tick')
    lab.start(ticks='')
    lab.call('start')
    lab.more(40)
    assert policy.publisher.get_subscription_count() == 0
    lab.call('save_success')
    success, = lab.files('success')
    with Episode.open(success) as episode:
        assert episode.provenance is None


def test_kill_in_mid_episode_loses_nothing_saved(lab: Lab) -> None:
    lab.start()
    lab.call('start')
    lab.more(30)
    lab.call('save_success')
    saved = {path: path.read_bytes() for path in lab.files('success')}
    lab.call('start')
    lab.more(100)
    os.kill(lab.process(), signal.SIGKILL)
    lab.nodes.wait('recorder', PATIENCE_S)
    assert {path: path.read_bytes() for path in lab.files('success')} == saved
    assert not lab.files('failure')
    left, = lab.files('.partial')
    assert lps(['dataset', 'repair', str(lab.dataset), '--outcome', 'failure']) == 0
    recovered, = lab.files('failure')
    with Episode.open(recovered) as episode:
        assert len(episode.ticks_ns) >= 10
    assert not left.exists()
    assert lps(['dataset', 'verify', str(lab.dataset)]) == 0


def test_a_full_disk_stops_the_recording_with_one_line(lab: Lab) -> None:
    lab.start()
    lab.call('start')
    lab.more(30)
    lab.call('save_success')
    lab.call('start')
    resource.prlimit(lab.process(), resource.RLIMIT_FSIZE, (60_000, 60_000))
    lab.until(lambda: lab.status['state'] == 'error')
    assert 'disk is full' in lab.status['error'] and '\n' not in lab.status['error']
    with pytest.raises(StartError, match='not recording'):
        lab.call('save_success')
    assert len(lab.files('success')) == 1 and len(lab.files('.partial')) == 1
    assert lps(['dataset', 'verify', str(lab.dataset)]) == 0


def test_a_joint_that_the_robot_does_not_publish_is_named(lab: Lab) -> None:
    lab.joints.remove('elbow_joint')
    lab.start()
    assert 'WARNING' in (answer := lab.call('start')) and 'elbow_joint' in answer
    lab.until(lambda: 'elbow_joint' in lab.status.get('warning', ''))
    lab.more(30)
    with pytest.raises(StartError, match='elbow_joint'):
        lab.call('save_success')
    assert not lab.files('success') and len(lab.files('.partial')) == 1


def test_a_topic_without_messages_is_named_at_the_start(lab: Lab) -> None:
    lab.silent.add('cube_pose')
    lab.start()
    assert "nothing received yet on 'cube_pose'" in lab.call('start')
    lab.call('discard')
    lab.silent.clear()
    lab.more(10)
    assert 'WARNING' not in lab.call('start')


def test_a_best_effort_camera_that_appears_while_recording_is_recorded(lab: Lab) -> None:
    lab.start(leave_out='')
    lab.call('start')
    camera = lab.node.create_publisher(Image, 'camera/front/image_raw', qos_profile_sensor_data)
    frame = Image(height=64, width=64, encoding='rgb8', step=192, data=bytes(64 * 64 * 3))
    # The recorder asks for reliable delivery until it has seen that this camera offers none.
    lab.until(lambda: any(
        info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        for info in lab.node.get_subscriptions_info_by_topic('camera/front/image_raw')))
    for _ in range(10):
        frame.header.stamp = lab.node.get_clock().now().to_msg()
        camera.publish(frame)
        lab.more(5)
    lab.call('save_success')
    success, = lab.files('success')
    with h5py.File(success) as file:
        assert len(file['stream/front/received_ns']) >= 5


def test_without_a_clock_nothing_is_recorded(lab: Lab) -> None:
    lab.start(use_sim_time=True)
    with pytest.raises(StartError, match='found no reading of /clock'):
        lab.call('start')
    assert not lab.files('.partial')


def test_services_out_of_turn_are_refused(lab: Lab) -> None:
    lab.start()
    for service in ('save_success', 'save_failure', 'discard'):
        with pytest.raises(StartError, match='not recording'):
            lab.call(service)
    lab.call('start')
    with pytest.raises(StartError, match='already recording'):
        lab.call('start')


def test_ending_in_mid_episode_keeps_the_log_and_exits_with_0(lab: Lab) -> None:
    lab.start()
    lab.call('start')
    lab.more(30)
    assert lab.nodes.stop('recorder') == 0
    assert len(lab.files('.partial')) == 1 and not lab.files('success')
    assert 'Traceback' not in lab.nodes.log('recorder').read_text()


@pytest.mark.parametrize(('contract', 'complaint'), [
    ('', "parameter 'contract' is empty"), ('/nowhere/arm.yaml', '/nowhere/arm.yaml')])
def test_a_missing_contract_is_one_line(
        tmp_path: Path, ros_domain: int, contract: str, complaint: str) -> None:
    with NodeProcesses(tmp_path) as nodes:
        nodes.start('recorder', {'contract': contract, 'dataset': str(tmp_path / 'dataset')})
        assert nodes.wait('recorder', PATIENCE_S) == 1
        lines = nodes.log('recorder').read_text().splitlines()
        assert len(lines) == 1 and lines[0].startswith('error: ') and complaint in lines[0]
