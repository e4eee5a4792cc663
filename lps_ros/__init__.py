"""LPS for ROS 2: record demonstrations, train a latent-steered policy, run it on the robot."""

__version__ = '0.1.0'
