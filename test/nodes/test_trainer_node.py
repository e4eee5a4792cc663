"""What the trainer node says while it trains."""

from lps_ros.nodes.trainer_node import TrainerNode
import rclpy


def test_what_to_know_of_the_data_goes_to_the_log(ros_domain, capfd):
    class Engine:
        def run(self, tell, stop):
            tell({'phase': 'training', 'step': 0, 'steps': 9, 'notes': ['3 % of arm.a clipped']})
            raise ValueError('no more')

    rclpy.init(domain_id=ros_domain)
    node = TrainerNode()
    try:
        node._train(Engine())
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    line, = [each for each in capfd.readouterr().err.splitlines() if 'clipped' in each]
    assert 'WARN' in line and '3 % of arm.a clipped' in line
