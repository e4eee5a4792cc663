from types import SimpleNamespace

from contract_texts import EVERY_TYPE
from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
from geometry_msgs.msg import WrenchStamped
from lps_ros.contract import extract
from lps_ros.contract import MessageError
from lps_ros.contract import parse_contract
from lps_ros.contract import row_columns
from lps_ros.contract import row_width
import numpy as np
import pytest
from ros_copies import copies
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_msgs.msg import Float32MultiArray
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory
from trajectory_msgs.msg import JointTrajectoryPoint

CONTRACT = parse_contract(EVERY_TYPE)
SOURCES = ('rclpy', 'rosbags', 'mcap', 'plain')


def joint_state(names=('a', 'b', 'extra'), **values):
    return JointState(name=list(names), position=[1.0, 2.0, 9.0], velocity=[0.1, 0.2, 0.9],
                      **values)


def pose(frame_id='base_link', w=0.5):
    message = PoseStamped()
    message.header.frame_id = frame_id
    p, q = message.pose.position, message.pose.orientation
    p.x, p.y, p.z = 0.1, -0.2, 0.3
    q.x, q.y, q.z, q.w = (0.5, -0.5, 0.5, w) if w else (0.0, 0.0, 0.0, 0.0)
    return message


def twist():
    message = TwistStamped()
    message.header.frame_id = 'base_link'
    message.twist.linear.x, message.twist.linear.y, message.twist.angular.z = 0.25, 7.0, -3.0
    return message


def wrench():
    message = WrenchStamped()
    message.wrench.force.z = -9.81
    return message


def trajectory():
    return JointTrajectory(joint_names=['a', 'b'], points=[
        JointTrajectoryPoint(positions=[1.0, 2.0]), JointTrajectoryPoint(positions=[3.0, 4.0])])


MESSAGES = [
    ('joints', joint_state(), ('position.b', 'position.a', 'velocity.b', 'velocity.a'),
     [2.0, 1.0, 0.2, 0.1]),
    ('tool', pose(), ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw'),
     [0.1, -0.2, 0.3, 0.5, -0.5, 0.5, 0.5]),
    ('speed', twist(), ('angular.z', 'linear.x'), [-3.0, 0.25]),
    ('force', wrench(), ('force.z',), [-9.81]),
    ('touch', Float64MultiArray(data=[0.5, 1.5]), ('left', 'right'), [0.5, 1.5]),
    ('current', Float32MultiArray(data=[0.5]), ('motor',), [0.5]),
    ('held', Bool(data=True), ('value',), [1.0]),
    ('twist', twist(), ('linear.x', 'angular.z'), [0.25, -3.0]),
    ('gripper', Float64MultiArray(data=[0.04]), ('opening',), [0.04]),
    ('arm', trajectory(), ('b', 'a'), [2.0, 1.0]),
    ('pose', pose(), ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw'),
     [0.1, -0.2, 0.3, 0.5, -0.5, 0.5, 0.5]),
    ('servo', JointState(name=['c'], velocity=[0.5], effort=[4.0]), ('velocity.c', 'effort.c'),
     [0.5, 4.0]),
]


def spec_of(key):
    return {spec.key: spec for spec in (*CONTRACT.observations, *CONTRACT.actions)}[key]


@pytest.mark.parametrize('source', SOURCES)
@pytest.mark.parametrize(('key', 'message', 'columns', 'expected'), MESSAGES)
def test_every_source_gives_the_same_row(key, message, columns, expected, source):
    spec = spec_of(key)
    row = extract(spec, copies(message)[source])
    assert row_columns(spec) == columns
    assert row_width(spec) == len(columns)
    assert row.dtype == np.float64
    assert row.tolist() == expected


def test_a_row_does_not_change_with_the_message():
    message = Float64MultiArray(data=[1.0, 2.0])
    row = extract(spec_of('touch'), message)
    message.data[0] = 5.0
    assert row.tolist() == [1.0, 2.0]


def test_a_joint_that_is_not_asked_for_may_come_twice():
    row = extract(spec_of('joints'), JointState(
        name=['a', 'b', 'x', 'x'], position=[1.0, 2.0, 3.0, 4.0], velocity=[0.0] * 4))
    assert row.tolist() == [2.0, 1.0, 0.0, 0.0]


def test_non_finite_numbers_pass_for_the_gate_to_judge():
    row = extract(spec_of('touch'), Float64MultiArray(data=[float('nan'), float('inf')]))
    assert np.isnan(row[0])
    assert np.isinf(row[1])


@pytest.mark.parametrize(('key', 'message', 'expected'), [
    ('joints', joint_state(names=('x', 'b', 'c')), "observation 'joints': found no joint 'a', "
     "expected it among the message's joints (x, b, c); correct the names in the contract or the "
     'publisher'),
    ('joints', JointState(), "observation 'joints': found no joint 'b', expected it among the "
     "message's joints (none); correct the names in the contract or the publisher"),
    ('joints', JointState(name=['a', 'b'], position=[1.0, 2.0]), "observation 'joints': found 0 "
     'values in velocity, expected 2, one for each joint; take velocity out of the contract or '
     'correct the publisher'),
    ('tool', pose(frame_id='world'), "observation 'tool': found frame_id 'world', expected "
     "'base_link'; correct the publisher or frame_id in the contract"),
    ('tool', pose(frame_id='a\nb'), "observation 'tool': found frame_id 'a\\nb', expected "
     "'base_link'; correct the publisher or frame_id in the contract"),
    ('tool', pose(w=0.0), "observation 'tool': found a quaternion of length zero, expected a "
     'rotation; correct the publisher'),
    ('cube', pose(w=1e7), "observation 'cube': found a quaternion of length 1e+07, expected a "
     'rotation; correct the publisher'),
    ('joints', joint_state(names=('a', 'b', 'a')), "observation 'joints': found joint 'a' twice, "
     'expected it once; correct the publisher'),
    ('touch', SimpleNamespace(data=[[1.0], [2.0]]), "observation 'touch': found lists of numbers, "
     'expected numbers; correct the publisher'),
    ('twist', TwistStamped(), "action 'twist': found frame_id '', expected 'base_link'; correct "
     'the publisher or frame_id in the contract'),
    ('touch', Float64MultiArray(data=[1.0]), "observation 'touch': found 1 values, expected 2 "
     '(left, right); correct the names in the contract or the publisher'),
    ('held', SimpleNamespace(), "observation 'held': found a message without the field 'data', "
     'expected std_msgs/msg/Bool; correct the type in the contract or the topic'),
    ('speed', Bool(), "observation 'speed': found a message without the field 'header', expected "
     'geometry_msgs/msg/TwistStamped; correct the type in the contract or the topic'),
    ('arm', JointTrajectory(joint_names=['a', 'b']), "action 'arm': found a trajectory without "
     'points, expected at least one; correct the publisher'),
    ('arm', JointTrajectory(joint_names=['a', 'b'], points=[JointTrajectoryPoint()]),
     "action 'arm': found 0 positions, expected 2, one for each joint; correct the publisher"),
    ('arm', JointTrajectory(joint_names=['a'], points=[JointTrajectoryPoint()]),
     "action 'arm': found no joint 'b', expected it among the message's joints (a); correct the "
     'names in the contract or the publisher'),
    ('touch', SimpleNamespace(data=['a', 'b']), "observation 'touch': found a message that cannot "
     "be read (could not convert string to float: 'a'), expected std_msgs/msg/Float64MultiArray; "
     'correct the publisher'),
])
def test_a_message_that_does_not_fit_gives_its_line(key, message, expected):
    with pytest.raises(MessageError) as caught:
        extract(spec_of(key), message)
    assert str(caught.value) == expected
