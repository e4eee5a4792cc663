"""Recordings, episodes, and the training cache made of them."""

from lps_ros.data.errors import BagError
from lps_ros.data.errors import DataError
from lps_ros.data.errors import DatasetError
from lps_ros.data.errors import EpisodeError
from lps_ros.data.errors import StorageError

__all__ = ['BagError', 'DataError', 'DatasetError', 'EpisodeError', 'StorageError']
