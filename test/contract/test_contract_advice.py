"""What is allowed but unwise on a real arm: each line, and when it is not said."""

from pathlib import Path

from contract_texts import edited
from contract_texts import REMOVE
from lps_ros.contract import advise
from lps_ros.contract import load_contract
from lps_ros.contract import parse_contract
import pytest

CONFIG = Path(__file__).parents[2] / 'config'
# A pose, a twist, joints, a gripper and a camera with every gate that there is.
GUARDED = """
name: guarded
rate_hz: 20
observations:
  - {key: joints, topic: joint_states, type: sensor_msgs/msg/JointState, fields: [position],
     names: [a, b, gripper], max_age_s: 0.1}
  - {key: tool, topic: tool_pose, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     max_age_s: 0.1}
  - {key: held, topic: held, type: std_msgs/msg/Bool, max_age_s: 1.0}
  - {key: front, topic: front/image_raw, type: sensor_msgs/msg/Image,
     image: {width: 4, height: 3}, max_age_s: 0.15, latency_s: 0.02}
actions:
  - {key: twist, topic: twist, type: geometry_msgs/msg/TwistStamped, frame_id: base_link,
     fields: [linear.x, angular.z], scale: {low: [-1, -6], high: [1, 6]},
     limits: {step: [0.2, 1],
              workspace: {observation: tool, low: [0, 0, 0], high: [1, 1, 1]}}, stop: zeros}
  - {key: gripper, topic: gripper, type: std_msgs/msg/Float64MultiArray, names: [gripper],
     scale: {low: [0], high: [0.085]},
     limits: {velocity: [0.1], start: {observation: joints, within: [0.08], lag: [0.07]}},
     stop: hold}
  - {key: arm, topic: trajectory, type: trajectory_msgs/msg/JointTrajectory, names: [b, a],
     send: chunk, scale: {low: [-3, -3], high: [3, 3]},
     limits: {velocity: [1, 1], start: {observation: joints, within: [0.2, 0.2], lag: [0.3, 0.3]}},
     stop: hold}
  - {key: pose, topic: target_pose, type: geometry_msgs/msg/PoseStamped, frame_id: base_link,
     scale: {low: [0, -1, 0, -1, -1, -1, -1, -1, -1], high: [1, 1, 1, 1, 1, 1, 1, 1, 1]},
     limits: {step: [0.01, 0.01, 0.01, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
              start: {observation: tool, within: [0.1, 0.1, 0.1, 0.5], lag: [0.1, 0.1, 0.1, 0.5]}},
     stop: hold}
  - {key: servo, topic: servo, type: sensor_msgs/msg/JointState, fields: [velocity], names: [c],
     scale: {low: [-1], high: [1]}, limits: {velocity: [5]}, stop: zeros}
task: {name: stack, success_reward: 0, step_reward: -1, max_ticks: 200}
"""
FRONT, TWIST, GRIPPER, ARM, POSE, SERVO = (
    'observations/3', *(f'actions/{i}' for i in range(5)))
FOLLOWS = ('nothing notices a robot that does not follow, as in a protective stop, and leaps when '
           'that is over; ')

LINES = [
    ([(f'{FRONT}/max_identical', 0)],
     'observations.front.max_identical: 0 lets the arm go on with a frozen camera; write 10 or '
     'remove it'),
    ([(f'{FRONT}/max_identical', 101)],
     'observations.front.max_identical: 101 lets the arm go on with a frozen camera for 101 '
     'pictures; write 10 or remove it'),
    ([('observations/0/max_age_s', 2)],
     'observations.joints.max_age_s: the arm goes on for 2 s after the stream has ended; write a '
     'few of its periods, such as 0.1'),
    ([(f'{TWIST}/stop', 'hold')],
     'actions.twist.stop: hold sends nothing, so the arm goes on with the last velocity or effort '
     'until its own timeout, if it has one; write zeros'),
    ([(f'{GRIPPER}/unit', 'rad/s'), (f'{GRIPPER}/limits/start', REMOVE)],
     'actions.gripper.stop: hold sends nothing, so the arm goes on with the last velocity or '
     'effort until its own timeout, if it has one; write zeros'),
    ([(f'{TWIST}/limits/step', REMOVE)],
     'actions.twist.limits: no velocity or step, so a plan may turn full speed round within one '
     'period; write `step: [...]`, the largest change per control period'),
    ([(f'{TWIST}/limits/step', [0.2, 12])],
     'actions.twist.limits: step as wide as the range, so a plan may turn full speed round within '
     'one period; write `step: [...]`, the largest change per control period'),
    ([(f'{SERVO}/limits', REMOVE)],
     'actions.servo.limits: no velocity or step, so a plan may turn full speed round within one '
     'period; write `step: [...]`, the largest change per control period'),
    *(([(f'{action}/limits/{limit}', REMOVE)],
       f'actions.{key}.limits: no velocity or step, so a plan may send the robot through its '
       'range within one period; write `velocity: [...]`, the largest change per second that you '
       'want to see')
      for action, key, limit in ((GRIPPER, 'gripper', 'velocity'), (ARM, 'arm', 'velocity'),
                                 (POSE, 'pose', 'step'))),
    ([(f'{ARM}/send', 'point'), (f'{ARM}/limits/velocity', [1, 120]),
      (f'{ARM}/limits/step', [0.1, 6])],
     'actions.arm.limits: velocity and step as wide as the range, so a plan may send the robot '
     'through its range within one period; write `velocity: [...]`, the largest change per second '
     'that you want to see'),
    ([(f'{ARM}/limits/velocity', REMOVE), (f'{ARM}/limits/step', [0.1, 0.1])],
     'actions.arm.limits: no velocity, so between the points of a chunk the arm may be half as '
     'fast again as step allows; write `velocity: [...]`, the largest change per second'),
    ([(f'{ARM}/limits/start', REMOVE)],
     f'actions.arm.limits: no start, so the first command may lie any distance from joints, and '
     f'{FOLLOWS}write `start: {{observation: joints, within: [...], lag: [...]}}`'),
    *(([(f'{action}/limits/start', REMOVE)],
       f'actions.{key}.limits: no start, so the first command may lie anywhere, and {FOLLOWS}'
       'observe where it is and write `start: {observation: ..., within: [...], lag: [...]}`')
      for action, key in ((GRIPPER, 'gripper'), (POSE, 'pose'))),
    *(([(f'{action}/limits/start/lag', REMOVE)],
       f'actions.{key}.limits.start: no lag, so {FOLLOWS}write `lag: [...]`, more than it lags at '
       'full speed, or than a gripper grips')
      for action, key in ((GRIPPER, 'gripper'), (ARM, 'arm'), (POSE, 'pose'))),
    ([(f'{ARM}/limits/start/within', [0.2, 6])],
     'actions.arm.limits.start.within[1]: 6 is as wide as the range, so it refuses nothing; write '
     'the largest distance that is sound'),
    ([(f'{POSE}/limits/start/lag', [1, 0.1, 0.1, 0.5])],
     'actions.pose.limits.start.lag[0]: 1 is as wide as the range, so it refuses nothing; write '
     'the largest distance that is sound'),
    ([(f'{POSE}/limits/start/within', [0.1, 0.1, 0.1, 3.2])],
     'actions.pose.limits.start.within[3]: 3.2 is as wide as the range, so it refuses nothing; '
     'write the largest distance that is sound'),
    ([(f'{POSE}/limits/step', [0.01, 0.01, 0.01, *[3.2] * 6])],
     'actions.pose.limits: step as wide as the range, so a plan may send the robot through its '
     'range within one period; write `velocity: [...]`, the largest change per second that you '
     'want to see'),
    ([(f'{TWIST}/limits/workspace', REMOVE)],
     'actions.twist.limits: no workspace, so nothing keeps the tool from the table or from '
     'people; observe its pose in base_link and write `workspace: {observation: ..., low: '
     '[x, y, z], high: [x, y, z]}`'),
]


def test_a_contract_with_every_gate_needs_no_advice():
    assert advise(parse_contract(GUARDED)) == ()


@pytest.mark.parametrize(('edits', 'line'), LINES)
def test_a_gate_that_is_absent_or_does_nothing_is_one_line(edits, line):
    assert advise(parse_contract(edited(*edits, text=GUARDED))) == (line,)


@pytest.mark.parametrize('edits', [
    [(f'{FRONT}/max_identical', 30)],
    [(f'{TWIST}/fields', ['angular.x', 'angular.z']), (f'{TWIST}/limits/workspace', REMOVE)],
    [(f'{POSE}/limits/step', [0.01, 0.01, 0.01, *[3.1] * 6])],
    [(f'{TWIST}/limits/step', REMOVE), (f'{TWIST}/limits/velocity', [5, 20])],
    [(f'{POSE}/limits/workspace', {
        'observation': 'tool', 'low': [0, 0, 0], 'high': [0.5, 0.5, 0.5]})],
])
def test_what_is_guarded_otherwise_is_not_mentioned(edits):
    assert advise(parse_contract(edited(*edits, text=GUARDED))) == ()


@pytest.mark.parametrize(('name', 'places'), [
    # The simulated arm has neither a table that breaks nor drives that mind.
    ('ur5e_cube', ['actions.twist.limits: no velocity or step',
                   'actions.gripper_command.limits: no velocity or step',
                   'actions.gripper_command.limits: no start']),
    ('ur5e_cube_joints', ['actions.gripper_command.limits: no velocity or step',
                          'actions.gripper_command.limits: no start'])])
def test_shipped_contracts_are_advised_of_what_they_lack(name, places):
    lines = advise(load_contract(CONFIG / f'{name}.yaml'))
    assert [line.split(', so ')[0] for line in lines] == places
