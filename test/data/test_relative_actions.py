"""Actions learnt as offsets from observed joints: their range, and there and back."""

from lps_ros.contract import ActionCodec
from lps_ros.contract import ContractError
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import parse_contract
from lps_ros.data.relative_actions import RelativeActions
import numpy as np
import pytest

ROBOT = parse_contract("""
name: two_joints
rate_hz: 20
observations:
  - {key: force, topic: force, type: std_msgs/msg/Float64MultiArray, names: [z], max_age_s: 0.1}
  - {key: joints, topic: joint_states, type: sensor_msgs/msg/JointState,
     fields: [velocity, position], names: [a, b], max_age_s: 0.1}
actions:
  - {key: gripper, topic: gripper, type: std_msgs/msg/Float64MultiArray, names: [opening],
     scale: {low: [0], high: [0.085]}, stop: hold}
  - {key: arm, topic: trajectory, type: trajectory_msgs/msg/JointTrajectory, names: [b, a],
     relative_to: joints, scale: {low: [-3, -1], high: [3, 2]}, stop: hold}
task: {name: move, success_reward: 0, step_reward: -1, max_ticks: 200}
""")
HORIZON = 4


def moves(count, seed=0):
    """Return chunks on the scale (N, H, A), observations (N, S) and offsets in rad (N, H, 2)."""
    rng = np.random.default_rng(seed)
    names = ObservationEncoder(ROBOT).names
    observations = rng.uniform(-0.5, 0.5, (count, len(names)))
    at = observations[:, [names.index('joints.position.b'), names.index('joints.position.a')]]
    # A chunk goes farther with every step, joint b five times as far as a.
    offsets = rng.uniform(-1, 1, (count, 1, 2)) * np.arange(1, HORIZON + 1)[:, None] * [0.1, 0.02]
    physical = np.concatenate(
        [rng.uniform(0, 0.085, (count, HORIZON, 1)), at[:, None] + offsets], axis=2)
    return ActionCodec(ROBOT).normalise(physical), observations, offsets


def test_what_is_learnt_fills_the_range_at_every_step():
    actions, observations, offsets = moves(5000)
    relative = RelativeActions.fit(ROBOT, actions, observations)
    learnt = relative.learnt(actions, observations)
    assert learnt.dtype == np.float32 and learnt.shape == actions.shape
    np.testing.assert_array_equal(learnt[..., 0], actions[..., 0])
    largest = np.abs(learnt[..., 1:]).max(axis=0)
    assert (largest > 0.85).all() and (largest <= 1).all()
    # By hand: joint a of the action, in units of half its scale.
    spread = np.abs(offsets[..., 1]).max(axis=0) / 1.5
    np.testing.assert_allclose(relative.spread[:, 2], 1.1 * spread, rtol=0.01)
    np.testing.assert_allclose(learnt[7, :, 2], offsets[7, :, 1] / 1.5 / relative.spread[:, 2],
                               rtol=1e-4)


def test_there_and_back_is_the_same_action():
    actions, observations, _ = moves(300)
    relative = RelativeActions.fit(ROBOT, *moves(5000, seed=1)[:2])
    again = relative.absolute(relative.learnt(actions, observations), observations)
    np.testing.assert_allclose(again, actions, atol=1e-6)
    one = relative.absolute(relative.learnt(actions[3], observations[3]), observations[3])
    np.testing.assert_allclose(one, actions[3], atol=1e-6)
    # The first rows of a chunk, as they are under way when the next one is planned.
    np.testing.assert_array_equal(relative.learnt(actions[3][:2], observations[3]),
                                  relative.learnt(actions[3], observations[3])[:2])


def test_an_offset_beyond_the_data_is_clipped():
    actions, observations, _ = moves(300)
    relative = RelativeActions.fit(ROBOT, actions, observations)
    far = actions.copy()
    far[0, 0, 1] = 1.0
    assert relative.learnt(far, observations)[0, 0, 1] == 1.0


def test_what_is_clipped_is_told_by_name_and_share():
    actions, observations, _ = moves(300)
    relative = RelativeActions.fit(ROBOT, actions, observations)
    inside = np.arange(100)
    inside = inside[[not relative.clipped(actions[i:i + 1], observations[i:i + 1])
                     for i in inside]][:50]
    actions, observations = actions[inside], observations[inside]
    assert relative.clipped(actions, observations) == {}
    actions[:3, 0, 2] = 5.0
    actions[:10, 1, 0] = 5.0  # not relative, so not clipped here
    assert relative.clipped(actions, observations) == {'arm.a': 3 / (50 * HORIZON)}
    learnt = relative.learnt(actions, observations)
    assert (learnt[:3, 0, 2] == 1.0).all()


def test_a_joint_that_never_moved_has_a_range():
    actions, observations, _ = moves(300)
    actions[..., 2] = ((observations[:, 3] - 0.5) / 1.5)[:, None]
    relative = RelativeActions.fit(ROBOT, actions, observations)
    assert (relative.spread > 0).all()
    assert np.isfinite(relative.learnt(actions, observations)).all()


def test_what_actions_are_relative_to_belongs_to_the_data():
    plain = parse_contract(ROBOT.text.replace('relative_to: joints, ', ''))
    assert plain.data_hash != ROBOT.data_hash
    assert plain.deployment_hash == ROBOT.deployment_hash


@pytest.mark.parametrize(('old', 'new', 'says'), [
    ('relative_to: joints', 'relative_to: force', "found 'force', expected a required "
     'observation of joint positions; observe them or remove relative_to'),
    ('relative_to: joints', 'relative_to: nothing', "found 'nothing', expected a required"),
    ('[velocity, position]', '[velocity]', "found 'joints', expected a required"),
    ('names: [a, b]', 'names: [a, c]', "found 'joints' without b, expected all joints of the "
     'action; observe them or remove relative_to'),
    ('type: std_msgs/msg/Float64MultiArray, names: [opening]',
     'type: std_msgs/msg/Float64MultiArray, relative_to: joints, names: [opening]',
     'for std_msgs/msg/Float64MultiArray, expected it for positions of joints only'),
])
def test_what_an_action_cannot_be_relative_to_is_refused(old, new, says):
    with pytest.raises(ContractError, match='relative_to') as error:
        parse_contract(ROBOT.text.replace(old, new))
    assert says in str(error.value)
