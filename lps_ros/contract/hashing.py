"""The two hashes of a contract, independent of how its YAML file is written."""

from collections.abc import Collection
import hashlib
import json
from typing import Any
from typing import TYPE_CHECKING

from lps_ros.contract.schema import Derived
from lps_ros.contract.schema import MAX_IDENTICAL
from lps_ros.contract.schema import RelativePose
import numpy as np

if TYPE_CHECKING:
    from lps_ros.contract.robot_contract import Contract


def content_hash(content: dict[str, Any]) -> str:
    """Hash plain content: SHA-256 of canonical JSON, first 16 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, separators=(',', ':'), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def data_content(contract: 'Contract', keys: Collection[str] | None = None) -> dict[str, Any]:
    """
    Give what the data hash covers, as plain content; a different value means different data.

    keys: only these observations and the derived ones that need no others; None for all.
    """
    observations = [o for o in contract.observations if keys is None or o.key in keys]
    derived = [d for d in contract.derived if keys is None or set(d.inputs) <= set(keys)]
    return {
        'rate_hz': contract.rate_hz,
        'observations': {
            o.key: {
                'type': o.type,
                'fields': list(o.fields),
                'names': list(o.names),
                'frame_id': o.frame_id,
                'rotation': o.rotation,
                'unit': o.unit,
                'image': None if o.image is None else {
                    'width': o.image.width,
                    'height': o.image.height,
                    'encoding': o.image.encoding,
                    'crop': None if o.image.crop is None else _numbers(o.image.crop),
                },
            } for o in observations
        },
        'derived': {d.key: _derived_content(d) for d in derived},
        'actions': {
            a.key: {
                'type': a.type,
                'fields': list(a.fields),
                'names': list(a.names),
                'frame_id': a.frame_id,
                'unit': a.unit,
                'scale': {'low': _numbers(a.scale.low), 'high': _numbers(a.scale.high)},
                **({} if a.relative_to is None else {'relative_to': a.relative_to}),
            } for a in contract.actions
        },
        'order': {
            'observations': [o.key for o in observations],
            'derived': [d.key for d in derived],
            'actions': [a.key for a in contract.actions],
        },
    }


def deployment_content(
        contract: 'Contract', keys: Collection[str] | None = None) -> dict[str, Any]:
    """Give what the deployment hash covers, as plain content; `keys` as in data_content."""
    observations = [o for o in contract.observations if keys is None or o.key in keys]
    return {
        'observations': {
            o.key: {
                'topic': o.topic,
                'max_age_s': o.max_age_s,
                'latency_s': o.latency_s,
                'required': o.required,
                # Absent where it is the default, so that hashes from before it are those of today.
                **({} if o.image is None or o.max_identical == MAX_IDENTICAL else {
                    'max_identical': o.max_identical}),
            } for o in observations
        },
        'actions': {
            a.key: {
                'topic': a.topic,
                'stop': a.stop,
                **({} if a.send == 'point' else {'send': a.send}),
                'limits': {
                    'low': _numbers(a.limits.low),
                    'high': _numbers(a.limits.high),
                    'step': None if a.limits.step is None else _numbers(a.limits.step),
                    'workspace': None if a.limits.workspace is None else {
                        'observation': a.limits.workspace.observation,
                        'low': _numbers(a.limits.workspace.low),
                        'high': _numbers(a.limits.workspace.high),
                    },
                    **({} if a.limits.velocity is None else {
                        'velocity': _numbers(a.limits.velocity)}),
                    **({} if a.limits.start is None else {'start': {
                        'observation': a.limits.start.observation,
                        'names': list(a.limits.start.names),
                        'within': _numbers(a.limits.start.within),
                        **({} if a.limits.start.lag is None else {
                            'lag': _numbers(a.limits.start.lag)}),
                    }}),
                },
            } for a in contract.actions
        },
    }


def _derived_content(derived: Derived) -> dict[str, Any]:
    if isinstance(derived, RelativePose):
        return {
            'kind': derived.kind,
            'of': derived.of,
            'in': derived.reference,
            'axes': derived.axes,
            'rotation': derived.rotation,
            'symmetry': derived.symmetry,
            'saturation_m': derived.saturation_m,
        }
    return {'kind': derived.kind, 'of': derived.of, 'names': list(derived.names)}


def _numbers(values: tuple[float, ...] | np.ndarray) -> list[float]:
    return [float(value) for value in values]
