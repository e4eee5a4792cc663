"""A bundle of the published robot size with random weights."""

from pathlib import Path
from typing import Any

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.data.normalisation import Normaliser
from lps_ros.learning.benchmark import random_agent
from lps_ros.learning.bundle import save_bundle
from lps_ros.learning.shapes import observation_shape
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np


def save_random_bundle(path: Path, contract: Contract, **settings: Any) -> None:
    """Write a bundle that sees all of a contract; settings: of training, over `camera`'s."""
    config = TrainerConfig.from_mapping({'preset': 'camera', **settings}, 'lps bench')
    shape = observation_shape(contract)
    save_bundle(
        path, contract=contract, metadata={},
        agent=random_agent(config, shape, ActionCodec(contract).size),
        normaliser=Normaliser(
            mean=np.zeros(shape.vector, np.float32), std=np.ones(shape.vector, np.float32)))
