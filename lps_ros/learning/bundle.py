"""Policy bundles: a folder with weights, everything needed to use them, and a model card."""

from collections.abc import Mapping
from dataclasses import dataclass
import json
import os
from pathlib import Path
import shutil
from typing import Any

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.data.files import check_writable
from lps_ros.data.files import disk_errors
from lps_ros.data.files import replace
from lps_ros.data.files import sync_folder
from lps_ros.data.files import write_new
from lps_ros.data.normalisation import Normaliser
from lps_ros.data.relative_actions import RelativeActions
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.bundle_metadata import bundle_metadata
from lps_ros.learning.bundle_reading import METADATA
from lps_ros.learning.bundle_reading import read_algorithm
from lps_ros.learning.bundle_reading import read_contract
from lps_ros.learning.bundle_reading import read_familiarity
from lps_ros.learning.bundle_reading import read_metadata
from lps_ros.learning.bundle_reading import read_normaliser
from lps_ros.learning.bundle_reading import read_relative
from lps_ros.learning.bundle_reading import read_steering
from lps_ros.learning.bundle_reading import read_weights
from lps_ros.learning.bundle_reading import WEIGHTS
from lps_ros.learning.errors import BundleError
from lps_ros.learning.model_card import model_card
from lps_ros.learning.policy import Policy
from lps_ros.learning.shapes import observation_shape
from safetensors.torch import save
import torch

CARD = 'README.md'


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A loaded bundle; `contract` has the observations of the policy, metadata is policy.json."""

    contract: Contract
    policy: Policy
    metadata: dict[str, Any]


def save_bundle(
        path: str | Path, *, agent: Algorithm, contract: Contract, normaliser: Normaliser,
        metadata: Mapping[str, Any], relative: RelativeActions | None = None) -> Path:
    """
    Write a bundle, replacing an older one as a whole; return its folder.

    contract: only with the observations of the policy. metadata: what policy.json says beside
    the algorithm, such as `training_metadata`. relative: needed where the contract has relative
    actions. Raises as `check_bundle_target`, and StorageError
    on a full disk.
    """
    path = Path(path)
    check_bundle_target(path)
    content = bundle_metadata(agent, contract, normaliser, relative, metadata)
    weights = {name: value.cpu().contiguous() for name, value in agent.state_dict().items()}
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    with disk_errors(path):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            write_new(temporary / WEIGHTS, save(weights))
            write_new(temporary / METADATA, _json(content))
            write_new(temporary / CARD, model_card(path.name, content).encode())
            sync_folder(temporary)
            _swap(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return path


def check_bundle_target(path: Path) -> None:
    """
    Check that a bundle can be written to a folder, before the work that goes into it.

    Raises BundleError where `path` is something else than a bundle, StorageError where it cannot
    be written.
    """
    if path.exists() and not (path / METADATA).exists():
        raise BundleError(f'{path}: exists and is no policy bundle; choose another folder')
    check_writable(path.parent)


def load_bundle(path: str | Path, device: str = 'cpu') -> Bundle:
    """Load a bundle; raises BundleError, one line, where it is damaged, incomplete or too new."""
    path = Path(path)
    content = read_metadata(path)
    source = str(path / METADATA)
    content['steering'] = read_steering(content, source)
    contract = read_contract(content, source)
    normaliser = read_normaliser(content, source)
    kind, config = read_algorithm(content, source)
    with torch.random.fork_rng(devices=[]):
        agent = kind(config, observation_shape(contract), ActionCodec(contract).size)
    agent.load_state_dict(read_weights(path / WEIGHTS, agent.state_dict()))
    familiarity = read_familiarity(content, normaliser, source)
    relative = read_relative(content, contract, config.horizon, source)
    return Bundle(
        contract=contract, policy=Policy(agent.to(device), normaliser, familiarity, relative),
        metadata=content)


def update_results(path: str | Path, results: Mapping[str, Any]) -> None:
    """
    Add measured results to a bundle and write its model card anew.

    results: title of a measurement to its figures, or to rows of figures by name. A title that
    is there already is replaced.
    """
    path = Path(path)
    content = read_metadata(path)
    content['results'] = content.get('results', {}) | dict(results)
    with disk_errors(path):
        replace(path / METADATA, _json(content))
        replace(path / CARD, model_card(path.name, content).encode())


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1) + '\n').encode()


def _swap(temporary: Path, path: Path) -> None:
    """Put a finished folder in the place of another."""
    old = path.with_name(f'.{path.name}.{os.getpid()}.old')
    if path.exists():
        os.rename(path, old)
    os.rename(temporary, path)
    sync_folder(path.parent)
    shutil.rmtree(old, ignore_errors=True)
