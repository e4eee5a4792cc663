"""ROS 2 nodes: thin wrappers of the other rooms; the only place that imports rclpy."""

# Environment variable: id of the process that starts a node and that the node must not outlive.
PARENT_VARIABLE = 'LPS_PARENT_PID'
