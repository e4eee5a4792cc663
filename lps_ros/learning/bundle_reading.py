"""Reads the parts of a policy bundle; whatever is wrong becomes one line of BundleError."""

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import ContractError
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import parse_contract
from lps_ros.data.normalisation import Normaliser
from lps_ros.data.relative_actions import RelativeActions
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.algorithms.algorithm import AlgorithmConfig
from lps_ros.learning.bundle_metadata import entry
from lps_ros.learning.bundle_metadata import migrated
from lps_ros.learning.errors import BundleError
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.familiarity import Familiarity
from lps_ros.learning.settings import build
from lps_ros.learning.settings import names
from lps_ros.learning.trainer_config import RANGES
from lps_ros.learning.trainer_config import STEERING
from lps_ros.learning.trainer_config import TrainerConfig
import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

WEIGHTS = 'weights.safetensors'
METADATA = 'policy.json'


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f'{path}: cannot read ({error.strerror}); give the folder of a policy '
                          f'bundle, which holds {METADATA} and {WEIGHTS}') from error


def read_metadata(path: Path) -> dict[str, Any]:
    """Return policy.json of a bundle's folder, brought to the newest schema version."""
    source = path / METADATA
    try:
        content = json.loads(_read(source))
    except ValueError as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f'{source}: is not JSON: {error}; the bundle is damaged, copy it '
                          'again') from error
    except RecursionError:
        raise BundleError(f'{source}: found lists or objects nested hundreds of levels deep; the '
                          'bundle is damaged, copy it again') from None
    if not isinstance(content, dict):
        raise BundleError(f'{source}: found a {type(content).__name__}, expected an object; the '
                          'bundle is damaged, copy it again')
    return migrated(content, str(source))


def read_steering(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return how the bundle is to be run: those of STEERING that it names."""
    steering = entry(content, 'steering', dict, source) if 'steering' in content else {}
    known = {name: steering[name] for name in STEERING if name in steering}
    try:
        config = build(TrainerConfig, known, RANGES, f'{source}: steering')
    except ConfigError as error:
        raise BundleError(f'{error}; correct it, or copy the bundle again') from error
    return {name: getattr(config, name) for name in known}


def read_contract(content: Mapping[str, Any], source: str) -> Contract:
    """Return the contract; it must be the one that the weights were made for."""
    try:
        contract = parse_contract(entry(content, 'contract.text', str, source), source=source)
    except ContractError as error:
        raise BundleError(f'{error}; this is the contract within the bundle') from error
    known = entry(content, 'contract.data_hash', str, source)
    if contract.data_hash != known:
        raise BundleError(f'{source}: its contract has data hash {contract.data_hash}, the '
                          f'weights were made for {known}; restore the contract text')
    encoded = list(ObservationEncoder(contract).names)
    trained = entry(content, 'observations.names', list, source)
    if encoded != trained:
        raise BundleError(f'{source}: this software encodes {len(encoded)} observations '
                          f'{encoded!r:.60}, the weights were made for {len(trained)} '
                          f'{trained!r:.60}; use the version that made the bundle')
    return contract


def read_normaliser(content: Mapping[str, Any], source: str) -> Normaliser:
    """Return the normalisation of the observations."""
    values = {name: entry(content, f'normalisation.{name}', list, source)
              for name in ('mean', 'std')}
    size = len(entry(content, 'observations.names', list, source))
    try:
        normaliser = Normaliser.from_dict(values)
        arrays = normaliser.mean, normaliser.std
        usable = all(a.shape == (size,) and np.isfinite(a).all() for a in arrays)
    except (TypeError, ValueError):
        usable = False
    if not usable or not (normaliser.std > 0).all():
        raise BundleError(f'{source}: normalisation is not {size} finite numbers each; the '
                          'bundle is damaged, copy it again')
    return normaliser


def read_relative(
        content: Mapping[str, Any], contract: Contract, horizon: int,
        source: str) -> RelativeActions | None:
    """Return how relative actions were learnt, None for a contract without any."""
    if all(action.relative_to is None for action in contract.actions):
        return None
    values, shape = entry(content, 'actions.spread', list, source), (
        horizon, ActionCodec(contract).size)
    try:
        spread = np.array(values, np.float64)
    except (TypeError, ValueError):
        spread = np.empty(0)
    if spread.shape != shape or not np.isfinite(spread).all() or (spread <= 0).any():
        raise BundleError(f'{source}: actions.spread is not {shape[0]} rows of {shape[1]} finite '
                          'numbers above 0; the bundle is damaged, copy it again')
    return RelativeActions(contract, spread)


def read_familiarity(
        content: Mapping[str, Any], normaliser: Normaliser, source: str) -> Familiarity | None:
    """Return what observations were trained on; None where the bundle does not say."""
    if 'observation_statistics' not in content:
        return None
    statistics = entry(content, 'observation_statistics', dict, source)
    try:
        return Familiarity.from_statistics(statistics, normaliser.std)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f'{source}: observation_statistics are not {len(normaliser.std)} finite '
                          f'numbers each ({error}); the bundle is damaged, copy it '
                          'again') from error


def read_algorithm(
        content: Mapping[str, Any], source: str) -> tuple[type[Algorithm], AlgorithmConfig]:
    """Return algorithm and configuration; settings that are not known here are ignored."""
    name = entry(content, 'algorithm.name', str, source)
    if name not in ALGORITHMS:
        raise BundleError(f"{source}: found algorithm '{name}', expected one of "
                          f"{', '.join(ALGORITHMS)}; update lps_ros")
    kind = ALGORITHMS[name]
    values = entry(content, 'algorithm.config', dict, source)
    known = {key: value for key, value in values.items() if key in names(kind.config_type)}
    try:
        return kind, build(kind.config_type, known, RANGES, source)
    except ConfigError as error:
        raise BundleError(f'{error}; the bundle is damaged, copy it again') from error


def read_weights(path: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Read the expected tensors; others in the file are ignored."""
    try:
        tensors = load(_read(path))
    except SafetensorError as error:
        raise BundleError(f'{path}: is no safetensors file ({error}); the bundle is damaged, '
                          'copy it again') from error
    for name, value in expected.items():
        if name not in tensors:
            raise BundleError(f'{path}: found no tensor {name}, expected one of shape '
                              f'{tuple(value.shape)}; the bundle is damaged, copy it again')
        found = tensors[name]
        if found.shape != value.shape or found.dtype != value.dtype:
            raise BundleError(
                f'{path}: tensor {name} is {found.dtype} {tuple(found.shape)}, expected '
                f'{value.dtype} {tuple(value.shape)}; use weights and {METADATA} of one bundle')
        if not found.isfinite().all():
            raise BundleError(f'{path}: tensor {name} holds a value that is not finite; the '
                              'bundle is damaged, copy it again')
    return {name: tensors[name] for name in expected}
