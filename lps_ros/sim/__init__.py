"""The simulated robot, OGBench's UR5e without ROS, and the scripted operator."""

from lps_ros.sim.backend import choose_backend

# MuJoCo reads its choice once, when it is imported; every module of this room imports it later.
choose_backend()
