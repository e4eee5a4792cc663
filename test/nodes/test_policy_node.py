"""The policy node in its own process, with this process as the robot."""

import signal
from threading import Timer
import time

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lps_ros.contract import ActionCodec
from lps_ros.contract import extract
from lps_ros.contract import load_contract
from lps_ros.contract import ObservationEncoder
from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.algorithms.lps import LPSConfig
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.bundle import save_bundle
from lps_ros.learning.shapes import observation_shape
from lps_ros.nodes.acknowledgement import HELD_UP_S
from lps_ros.nodes.process import StartError
from lps_ros.nodes.ros_messages import stamp_ns
from malformed_messages import unfit_messages
import numpy as np
from policy_harness import freeze
from policy_harness import NodeProcess
from policy_harness import observed
from policy_harness import PERIOD_NS
from policy_harness import PolicyProcess
from policy_harness import Robot
from policy_harness import ROOT
from policy_harness import stopped
import pytest
import torch
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import MultiDOFJointTrajectory

_CONTRACT = ROOT / 'config' / 'ur5e_cube.yaml'
_CONFIGURE = Transition.TRANSITION_CONFIGURE
_CLEANUP = Transition.TRANSITION_CLEANUP
_ACTIVATE = Transition.TRANSITION_ACTIVATE
_DEACTIVATE = Transition.TRANSITION_DEACTIVATE


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    """Return a bundle with random weights."""
    contract = load_contract(_CONTRACT).subset(('joints', 'gripper', 'tool', 'cube'))
    size = ObservationEncoder(contract).size
    config = LPSConfig(decoder_widths=(16,), critic_widths=(16,), latent_actor_widths=(16,))
    return save_bundle(
        tmp_path_factory.mktemp('bundle') / 'random', contract=contract,
        metadata={'steering': {'candidates': 3, 'join': 'replace'}},
        agent=LPS(config, observation_shape(contract), ActionCodec(contract).size),
        normaliser=Normaliser(mean=np.zeros(size, np.float32), std=np.ones(size, np.float32)))


@pytest.fixture(scope='module')
def process(tmp_path_factory, ros_module_domain, bundle):
    process = PolicyProcess(
        ('-m', 'lps_ros.nodes.policy_node'), tmp_path_factory.mktemp('policy') / 'log',
        ros_module_domain, use_sim_time=True, lock_step=True, bundle=bundle, contract=_CONTRACT)
    yield process
    process.close()


@pytest.fixture(scope='module')
def connection(process, ros_module_domain):
    robot = Robot(process, ros_module_domain)
    robot.change(_CONFIGURE)
    yield robot
    robot.close()


@pytest.fixture
def robot(connection):
    """Return the robot's end of an active policy node; the node is inactive afterwards."""
    connection.set(
        seed=0, mode='default', candidates=0, replan_every=0, lock_step_wait_s=HELD_UP_S)
    connection.change(_ACTIVATE)
    yield connection
    connection.until(lambda: connection.statuses)
    if connection.statuses[-1]['state'] == 'active':
        connection.change(_DEACTIVATE)


def _activate_at(robot, k, **parameters):
    """Activate afresh so that the first tick to be served is k."""
    robot.change(_DEACTIVATE)
    robot.tick(k)
    robot.set(**parameters)
    robot.change(_ACTIVATE)


def _planned(
        bundle, ticks, *, mode='steered', candidates=1, strength=1.0, replan_every=5, seed=0):
    """Return the command of each tick, planned in this process from what the robot observes."""
    contract, policy = bundle.contract, bundle.policy
    encoder, rng = ObservationEncoder(contract), torch.Generator().manual_seed(seed)
    commands = []
    for k in ticks[::replan_every]:
        messages = observed(k * PERIOD_NS)
        rows = {spec.key: extract(spec, messages[spec.topic])[None]
                for spec in contract.observations}
        plan = policy.plan(
            encoder.encode(rows)[0], mode=mode, candidates=candidates, strength=strength,
            rng=rng)
        commands += list(ActionCodec(contract).denormalise(plan.actions)[:replan_every])
    return np.array(commands[:len(ticks)])


def _sent(twists, openings):
    return np.array([
        [twist.linear.x, twist.linear.y, twist.linear.z, twist.angular.z, opening]
        for twist, opening in zip(twists, openings, strict=True)])


@pytest.mark.parametrize(('how', 'candidates'), [
    ({'seed': 1}, 3), ({'seed': 7, 'mode': 'prior'}, 3), ({'mode': 'prior', 'candidates': 8}, 8),
    ({'candidates': 4, 'replan_every': 2}, 4), ({'strength': 0.25, 'candidates': 2}, 2)])
def test_in_lock_step_every_command_is_the_plan_made_from_its_observation(
        robot, bundle, how, candidates):
    k = robot.next_tick()
    _activate_at(robot, k, **how)
    ticks = range(k, k + 12)
    np.testing.assert_allclose(
        _sent(*robot.lock_step(ticks)),
        _planned(load_bundle(bundle), ticks, **how | {'candidates': candidates}), rtol=1e-4,
        atol=1e-6)
    assert robot.twists[-1].header.frame_id == 'base_link'


def test_publishes_each_chunk_as_a_whole_stamped_and_timed(robot):
    chunks = {'twist': [], 'gripper_command': []}
    for key, type_ in (('twist', MultiDOFJointTrajectory), ('gripper_command', JointTrajectory)):
        robot.node.create_subscription(type_, f'policy/chunk/{key}', chunks[key].append, 10)
    robot.until(lambda: robot.node.count_publishers('policy/chunk/twist') == 1)
    k = robot.next_tick()
    robot.lock_step(range(k, k + 11))
    robot.until(lambda: all(
        kept and stamp_ns(kept[-1]) == (k + 10) * PERIOD_NS for kept in chunks.values()))
    for messages in chunks.values():
        assert [stamp_ns(message) for message in messages[-3:]] == [
            tick * PERIOD_NS for tick in (k, k + 5, k + 10)]
        message = messages[-1]
        times_ns = [point.time_from_start.sec * 1_000_000_000 + point.time_from_start.nanosec
                    for point in message.points]
        assert times_ns == [PERIOD_NS * (i + 1) for i in range(5)]
    assert chunks['gripper_command'][-1].joint_names == ['opening']
    assert len(chunks['twist'][-1].points[0].velocities) == 1


@pytest.mark.parametrize(('fault', 'words', 'level'), [
    ({'without': ('cube_pose',)}, "observation 'cube' is ", DiagnosticStatus.STALE),
    ({'without': ('joint_states',)}, "observation 'joints' is ", DiagnosticStatus.STALE),
    ({'stamp_offset_ns': -200_000_000}, 'old by its header stamp', DiagnosticStatus.STALE),
    ({'stamp_offset_ns': 200_000_000}, 'in the future', DiagnosticStatus.ERROR),
    ({'position': float('nan')}, "observation 'joints' has a non-finite value",
     DiagnosticStatus.ERROR),
    ({'rename': {'elbow_joint': 'elbow'}}, "no joint 'elbow_joint'", DiagnosticStatus.ERROR),
])
def test_does_not_act_on_unfit_input_and_goes_on_when_it_is_fit(robot, fault, words, level):
    robot.change(_DEACTIVATE)
    robot.set(lock_step_wait_s=0.05)
    robot.change(_ACTIVATE)
    k = robot.next_tick()
    robot.lock_step(range(k, k + 2))
    # Ten periods later what came before is too old.
    k = robot.next_tick()
    status = robot.refused(k, **fault)
    assert words in status['reason']
    assert not status['acting']
    robot.until(lambda: robot.twists)
    assert stopped(robot.twists[0])
    assert robot.openings == []
    robot.until(lambda: any(
        report.level == level and words in report.message for report in robot.diagnostics))
    robot.lock_step(range(k + 1, k + 3))
    robot.until(lambda: robot.statuses[-1]['acting'])
    assert not any(stopped(twist) for twist in robot.twists)


@pytest.mark.parametrize('topic', ['joint_states', 'tool_pose', 'cube_pose'])
def test_malformed_messages_neither_end_the_node_nor_move_the_robot(robot, topic):
    robot.change(_DEACTIVATE)
    robot.set(lock_step_wait_s=0.05)
    robot.change(_ACTIVATE)
    k = robot.next_tick()
    robot.lock_step(range(k, k + 2))
    k = robot.next_tick()
    robot.refused(k, without=(topic,))
    specs = [spec for spec in load_contract(_CONTRACT).observations if spec.topic == topic]
    messages = unfit_messages(specs, k * PERIOD_NS, 200)
    assert len(messages) == 200
    for tick, part in enumerate(zip(*[iter(messages)] * 20), k + 1):
        robot.set_clock(tick * PERIOD_NS)
        robot.observe(tick * PERIOD_NS, without=(topic,))
        robot.publish(topic, part)
        robot.set_clock(tick * PERIOD_NS + 1_000_000)
        robot.set(candidates=0)  # an answered call later the node has had time to act
        assert all(stopped(twist) for twist in robot.twists)
        assert robot.openings == []
    robot.lock_step(range(k + 11, k + 13))
    assert 'Traceback' not in robot.process.log()


def test_a_tick_waits_for_an_observation_that_is_late(robot):
    k = robot.next_tick()
    robot.lock_step([k])
    robot.forget()
    robot.tick(k + 1, without=('cube_pose',))
    # Several answered calls later the node has had time to act, and has not.
    for _ in range(5):
        robot.set(candidates=1)
    assert robot.twists == []
    robot.until(lambda: robot.commanded(k + 1),
                repeat=lambda: robot.observe(
                    (k + 1) * PERIOD_NS, without=('tool_pose', 'joint_states')))
    assert not stopped(robot.twists[0])


def test_a_tick_waits_until_a_recorder_that_stands_still_has_the_last_command(
        robot, ros_module_domain, tmp_path):
    recorder = NodeProcess(
        ('-m', 'lps_ros.nodes.recorder_node'), tmp_path / 'log', ros_module_domain,
        contract=_CONTRACT, dataset=tmp_path / 'dataset', use_sim_time=True)
    try:
        k = robot.next_tick()
        robot.lock_step([k])
        robot.until(lambda: robot.node.count_subscribers('servo_node/delta_twist_cmds') == 2)
        # That the policy knows of the recorder too may take a second longer.
        for tick in range(k + 1, k + 100, 2):
            freeze(recorder.pid)
            # This command may be sent, since the one before has arrived; the next may not.
            robot.lock_step([tick])
            robot.forget()
            robot.tick(tick + 1)
            # What is lost is sent again after 3 s; by then no other may have taken its place.
            end_s = time.monotonic() + 4.0
            while not robot.twists and time.monotonic() < end_s:
                robot.spin_for(0.1)
            held = not robot.twists
            recorder.signal(signal.SIGCONT)
            robot.until(lambda tick=tick: robot.commanded(tick + 1))
            if held:
                break
        assert held
        # So does the stop of a deactivation: it would take the last command's place.
        freeze(recorder.pid)
        robot.lock_step([robot.next_tick()])
        robot.forget()
        thaw = Timer(3.0, recorder.signal, (signal.SIGCONT,))
        thaw.start()
        robot.change(_DEACTIVATE)
        assert not thaw.is_alive()
        robot.until(lambda: robot.twists)
        assert stopped(robot.twists[-1])
        # One that died would be waited for until the middleware misses it.
        recorder.signal(signal.SIGTERM)
        assert recorder.wait() == 0
    finally:
        recorder.close()


def test_observations_repeated_after_the_clock_went_on_still_belong_to_their_tick(robot):
    k = robot.next_tick()
    robot.set_clock(k * PERIOD_NS + 1_000_000)
    robot.until(lambda: robot.commanded(k), repeat=lambda: robot.repeat(k))


def test_a_clock_that_stops_stops_the_robot_and_disarms(robot):
    k = robot.next_tick()
    robot.change(_DEACTIVATE)
    robot.set(lock_step=False)
    robot.tick(k)
    robot.change(_ACTIVATE)
    robot.forget()
    moves = lambda: robot.twists and not stopped(robot.twists[-1])  # noqa: E731
    robot.play_until(lambda: moves() or not robot.statuses[-1]['armed'])
    while not moves():  # a busy machine may stop the clock too
        robot.trigger('policy/arm')
        robot.play_until(lambda: moves() or not robot.statuses[-1]['armed'])
    robot.until(lambda: stopped(robot.twists[-1]))
    robot.until(lambda: 'the clock has stood still' in robot.statuses[-1]['reason'])
    assert not robot.statuses[-1]['armed']
    robot.change(_DEACTIVATE)
    robot.set(lock_step=True)


def test_stops_on_deactivation_and_is_silent_afterwards(robot):
    k = robot.next_tick()
    robot.lock_step(range(k, k + 2))
    robot.forget()
    robot.change(_DEACTIVATE)
    robot.until(lambda: robot.twists)
    assert stopped(robot.twists[0])
    assert robot.openings == []
    robot.tick(k + 2)
    robot.until(lambda: robot.statuses[-1]['state'] == 'inactive')
    robot.tick(k + 3)
    robot.change(_ACTIVATE)
    robot.until(lambda: len(robot.twists) > 1, repeat=lambda: robot.repeat(k + 3))
    assert stamp_ns(robot.twists[1]) > (k + 3) * PERIOD_NS


def test_a_transition_that_does_not_exist_is_refused_and_the_node_lives_on(robot):
    with pytest.raises(StartError):
        robot.change(_CONFIGURE)
    k = robot.next_tick()
    robot.lock_step([k])


def test_parameters_out_of_range_are_refused_with_a_reason(robot):
    with pytest.raises(StartError, match='expected one of: default, steered, prior'):
        robot.set(mode='posterior')
    with pytest.raises(StartError, match='candidates'):
        robot.set(candidates=-1)
    with pytest.raises(StartError, match='clean the node up first'):
        robot.set(contract='elsewhere')
    with pytest.raises(StartError, match='deactivate the node first'):
        robot.set(lock_step=False)


def test_a_seed_set_while_active_begins_a_new_sequence_of_latents(robot, bundle):
    k = robot.next_tick()
    _activate_at(robot, k, mode='prior', replan_every=1)
    robot.lock_step([k])
    robot.set(seed=5)
    ticks = [k + 1, k + 2]
    np.testing.assert_allclose(
        _sent(*robot.lock_step(ticks)),
        _planned(load_bundle(bundle), ticks, mode='prior', candidates=3, replan_every=1, seed=5),
        rtol=1e-4, atol=1e-6)


def _contract_file(folder, old, new):
    path = folder / 'contract.yaml'
    text = _CONTRACT.read_text(encoding='utf-8')
    assert old in text
    path.write_text(text.replace(old, new), encoding='utf-8')
    return path


def test_a_bundle_of_another_data_contract_is_refused_with_the_difference(robot, tmp_path):
    robot.change(_DEACTIVATE, _CLEANUP)
    other = _contract_file(tmp_path, 'rate_hz: 20', 'rate_hz: 10')
    robot.set(contract=str(other))
    with pytest.raises(StartError):
        robot.change(_CONFIGURE)
    robot.until(lambda: robot.statuses[-1]['failure'])
    assert 'rate_hz: recorded 20.0, current 10.0' in robot.statuses[-1]['reason']
    assert 'rate_hz: recorded 20.0, current 10.0' in robot.process.log()
    robot.until(lambda: robot.diagnostics[-1].level == DiagnosticStatus.ERROR)
    robot.set(contract=str(_CONTRACT))
    robot.change(_CONFIGURE)


def test_another_deployment_is_told_and_used(robot, tmp_path):
    robot.change(_DEACTIVATE, _CLEANUP)
    robot.set(contract=str(_contract_file(tmp_path, 'topic: cube_pose', 'topic: tool_pose')))
    robot.change(_CONFIGURE, _ACTIVATE)
    assert 'observations.cube.topic: recorded cube_pose, current tool_pose' in robot.process.log()
    k = robot.next_tick()
    robot.lock_step([k], without=('cube_pose',))
    robot.change(_DEACTIVATE, _CLEANUP)
    robot.set(contract=str(_CONTRACT))
    robot.change(_CONFIGURE)


@pytest.mark.parametrize(('folder', 'words'), [
    ('', "parameter 'bundle' is empty"), ('nowhere', 'nowhere/policy.json: cannot read')])
def test_without_a_bundle_the_node_stays_unconfigured_and_says_why(robot, bundle, folder, words):
    robot.change(_DEACTIVATE, _CLEANUP)
    robot.set(bundle=folder)
    with pytest.raises(StartError):
        robot.change(_CONFIGURE)
    robot.until(lambda: words in robot.statuses[-1]['reason'])
    assert robot.statuses[-1]['state'] == 'unconfigured'
    robot.set(bundle=str(bundle))
    robot.change(_CONFIGURE)
