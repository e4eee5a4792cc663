"""How properties are tried: the same cases in every run, however slow the machine."""

from hypothesis import settings

settings.register_profile('lps_ros', deadline=None, derandomize=True, database=None)
settings.load_profile('lps_ros')
