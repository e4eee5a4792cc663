"""Parse the entries under `derived`."""

from lps_ros.contract.message_types import JOINT_STATE
from lps_ros.contract.message_types import POSE
from lps_ros.contract.parse_observation import KEY_EXPECTED
from lps_ros.contract.parse_observation import KEY_PATTERN
from lps_ros.contract.schema import Derived
from lps_ros.contract.schema import Observation
from lps_ros.contract.schema import PeriodicJoints
from lps_ros.contract.schema import RelativePose
from lps_ros.contract.section import Section

_RELATIVE_KEYS = ('key', 'kind', 'of', 'in', 'axes', 'rotation', 'symmetry', 'saturation_m')
_PERIODIC_KEYS = ('key', 'kind', 'of', 'names')


def parse_derived(section: Section, observations: dict[str, Observation]) -> Derived:
    """Parse one derived observation of `observations` by key; raises ContractError."""
    kind = section.text('kind', choices=(RelativePose.kind, PeriodicJoints.kind))
    if kind == PeriodicJoints.kind:
        return _parse_periodic(section, observations)
    return _parse_relative(section, observations)


def _parse_relative(section: Section, observations: dict[str, Observation]) -> RelativePose:
    section.only(_RELATIVE_KEYS)
    of = _observed(section, 'of', POSE, observations)
    reference = _observed(section, 'in', POSE, observations)
    if of is reference:
        section.fail('in', f"found '{of.key}' as in `of`", 'expected another pose', 'change one')
    if of.frame_id != reference.frame_id:
        section.fail('in', f"found '{reference.key}' in frame {reference.frame_id}",
                     f"expected frame {of.frame_id} as of '{of.key}'",
                     'relate poses that are published in one frame')
    rotation = section.text('rotation', choices=('none', 'yaw', 'sixd'))
    symmetry = section.integer('symmetry', default=1, high=360)
    if symmetry != 1 and rotation != 'yaw':
        section.fail('symmetry', f'found {symmetry} with rotation {rotation}',
                     'expected it with rotation yaw only', 'remove symmetry or use yaw')
    return RelativePose(
        key=section.text('key', pattern=KEY_PATTERN, expected=KEY_EXPECTED),
        of=of.key,
        reference=reference.key,
        axes=section.text('axes', choices=('base', 'own')),
        rotation=rotation,
        symmetry=symmetry,
        saturation_m=section.number('saturation_m', default=None, above=0.0),
    )


def _parse_periodic(section: Section, observations: dict[str, Observation]) -> PeriodicJoints:
    section.only(_PERIODIC_KEYS)
    of = _observed(section, 'of', JOINT_STATE, observations)
    if 'position' not in of.fields:
        section.fail('of', f"found '{of.key}' with fields {', '.join(of.fields)}",
                     'expected joint positions', f"add position to the fields of '{of.key}'")
    return PeriodicJoints(
        key=section.text('key', pattern=KEY_PATTERN, expected=KEY_EXPECTED),
        of=of.key,
        names=section.texts('names', choices=of.names),
    )


def _observed(section: Section, key: str, type_name: str,
              observations: dict[str, Observation]) -> Observation:
    name = section.text(key, choices=observations)
    if observations[name].type != type_name:
        usable = [o.key for o in observations.values() if o.type == type_name]
        section.fail(key, f"found '{name}' of type {observations[name].type}",
                     f'expected an observation of type {type_name}',
                     f"use one of {', '.join(usable)}" if usable else 'observe one first')
    return observations[name]
