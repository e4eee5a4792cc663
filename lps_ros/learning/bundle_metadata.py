"""What policy.json says: building it, reading fields from it, bringing old ones up to date."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import ObservationEncoder
from lps_ros.data.normalisation import Normaliser
from lps_ros.data.relative_actions import RelativeActions
from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.errors import BundleError

SCHEMA_VERSION = 1
# From each older version to what turns its content into that of the next one.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def bundle_metadata(
        agent: Algorithm, contract: Contract, normaliser: Normaliser,
        relative: RelativeActions | None, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole content of policy.json; `metadata` adds to it what was measured."""
    encoder = ObservationEncoder(contract)
    spread = {} if relative is None else {'spread': relative.spread.tolist()}
    return {
        'schema_version': SCHEMA_VERSION,
        'algorithm': {'name': agent.name, 'config': asdict(agent.config)},
        'contract': {'data_hash': contract.data_hash,
                     'deployment_hash': contract.deployment_hash, 'text': contract.text},
        'observations': {'keys': list(encoder.keys), 'names': list(encoder.names),
                         'images': list(encoder.image_keys)},
        'actions': {'names': list(ActionCodec(contract).names), **spread},
        'normalisation': normaliser.to_dict(),
        'results': {},
        **metadata}


def migrated(
        content: dict[str, Any], source: str,
        migrations: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = MIGRATIONS,
        newest: int = SCHEMA_VERSION) -> dict[str, Any]:
    """Bring the content to the newest schema version; raises BundleError on a newer one."""
    version = content.get('schema_version')
    if not isinstance(version, int) or isinstance(version, bool):
        raise BundleError(f'{source}: found schema_version {version!r}, expected an integer; '
                          'the bundle is damaged, copy it again')
    if version > newest:
        raise BundleError(f'{source}: found schema version {version}, this software reads up to '
                          f'{newest}; update lps_ros')
    while version < newest:
        if version not in migrations:
            raise BundleError(f'{source}: found schema version {version}, expected {newest}; '
                              'export the bundle again')
        content = migrations[version](content)
        version += 1
    return content | {'schema_version': newest}


def entry(content: Mapping[str, Any], path: str, kind: type, source: str) -> Any:
    """Return a nested entry such as 'contract.text'; raises BundleError where it is not there."""
    value: Any = content
    for name in path.split('.'):
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, kind):
        raise BundleError(f'{source}: found {value!r:.60} at {path}, expected a {kind.__name__}; '
                          'the bundle is damaged, copy it again')
    return value
