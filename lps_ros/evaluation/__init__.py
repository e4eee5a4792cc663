"""Replay of recordings through a policy, statistics of evaluation episodes, and reports."""
