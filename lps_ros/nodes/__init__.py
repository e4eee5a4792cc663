"""ROS 2 nodes: thin wrappers of the other rooms; the only place that imports rclpy."""
