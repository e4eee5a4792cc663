"""Execution of action chunks against time, with gates and limits; free of ROS."""
