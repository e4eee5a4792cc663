"""A policy that only shows what it would do."""

from geometry_msgs.msg import TwistStamped
from policy_harness import FAULTY
from policy_harness import PolicyProcess
from policy_harness import Robot
import pytest
from std_msgs.msg import Float64MultiArray

pytestmark = pytest.mark.timing


def test_in_shadow_the_robot_follows_the_operator_and_the_error_is_told(tmp_path, ros_domain):
    process = PolicyProcess(
        FAULTY, tmp_path / 'log', ros_domain, bundle='good', shadow=True, autostart=True,
        ramp_s=0.0, replan_every=1)
    robot = Robot(process, ros_domain, twist='shadow/servo_node/delta_twist_cmds')
    try:
        robot.stream()
        twists = robot.node.create_publisher(TwistStamped, 'servo_node/delta_twist_cmds', 1)
        openings = robot.node.create_publisher(
            Float64MultiArray, 'gripper_controller/commands', 1)
        robot.until(lambda: len(robot.twists) > 5)
        shown = robot.twists[-1].twist.linear.x
        message = TwistStamped()
        message.header.frame_id = 'base_link'
        message.twist.linear.x = shown

        def operate():
            twists.publish(message)
            openings.publish(Float64MultiArray(data=[0.04]))

        robot.node.create_timer(0.05, operate)
        robot.until(lambda: any(
            value.key == 'shadow_ticks' and int(value.value) > 5
            for report in robot.diagnostics for value in report.values))
        figures = {value.key: value.value for value in robot.diagnostics[-1].values}
        assert float(figures['shadow_rms twist.linear.x']) == pytest.approx(0, abs=1e-3)
        assert float(figures['shadow_rms twist.linear.y']) == pytest.approx(0.25, abs=0.01)
        # Only the test's own publishers speak on the robot's topics.
        assert robot.node.count_publishers('servo_node/delta_twist_cmds') == 1
        assert robot.node.count_publishers('gripper_controller/commands') == 1
        assert robot.statuses[-1]['shadow']
        assert robot.statuses[-1]['source'] == 'policy'
        # Advice is for who commands.
        assert 'consider:' not in process.log() and 'loaded good' in process.log()
    finally:
        robot.close()
        process.close()
