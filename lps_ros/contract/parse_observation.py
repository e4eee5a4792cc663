"""Parse the entries under `observations`."""

from lps_ros.contract.message_types import IMAGE_TYPES
from lps_ros.contract.message_types import MessageType
from lps_ros.contract.message_types import OBSERVATION_TYPES
from lps_ros.contract.message_types import POSE
from lps_ros.contract.schema import ImageFormat
from lps_ros.contract.schema import MAX_IDENTICAL
from lps_ros.contract.schema import Observation
from lps_ros.contract.section import Section

KEY_PATTERN = r'[a-z][a-z0-9_]*'
KEY_EXPECTED = 'lower-case letters, digits and underscores, a letter first'
_NAME = r'[A-Za-z_][A-Za-z0-9_]*'
# A private name, ~/x, would be another topic in every node that reads the contract.
TOPIC_PATTERN = rf'/?{_NAME}(/{_NAME})*'
TOPIC_EXPECTED = 'a ROS topic name such as joint_states, no private one (~/x)'
# In nanoseconds it still is a whole number that ROS can count.
_LONGEST_S = 1e9
# Of an image; a narrower one is no view of anything.
_SMALLEST_CROP = 0.001
_COMMON = ('key', 'topic', 'type', 'max_age_s', 'latency_s', 'required')
_BY_TYPE = ('fields', 'names', 'frame_id', 'rotation', 'image', 'unit', 'max_identical')


def parse_observation(section: Section) -> Observation:
    """Parse one observation; raises ContractError."""
    section.only(_COMMON + _BY_TYPE)
    type_name = section.text('type', choices=OBSERVATION_TYPES)
    kind = OBSERVATION_TYPES[type_name]
    only_keys_of_type(section, kind, type_name, _BY_TYPE)
    is_pose, is_image = type_name == POSE, type_name in IMAGE_TYPES
    max_age_s, latency_s = _parse_ages(section)
    return Observation(
        key=section.text('key', pattern=KEY_PATTERN, expected=KEY_EXPECTED),
        topic=section.text('topic', pattern=TOPIC_PATTERN, expected=TOPIC_EXPECTED),
        type=type_name,
        fields=section.texts('fields', choices=kind.fields) if kind.fields else (),
        names=section.texts('names') if 'names' in kind.required else (),
        frame_id=parse_frame(section, kind),
        rotation=section.text(
            'rotation', default='sixd', choices=('sixd', 'yaw')) if is_pose else None,
        image=_parse_image(section.section('image')) if is_image else None,
        unit=section.text('unit', default=None),
        max_age_s=max_age_s,
        latency_s=latency_s,
        required=section.boolean('required', default=True),
        max_identical=section.integer(
            'max_identical', default=MAX_IDENTICAL, low=0) if is_image else 0,
    )


def only_keys_of_type(
        section: Section, kind: MessageType, type_name: str, keys: tuple[str, ...]) -> None:
    """Refuse those of `keys` that mean nothing for this message type."""
    usable = kind.required + kind.optional
    for key in keys:
        if key in section.mapping and key not in usable:
            section.fail(key, f'found a key that {type_name} does not use',
                         f"expected {' | '.join(usable) or 'no key of its kind'}", 'remove it')


def parse_frame(section: Section, kind: MessageType) -> str | None:
    """Read frame_id where the type has one; a message in another frame is refused later."""
    if 'frame_id' in kind.required:
        return section.text('frame_id')
    return section.text('frame_id', default=None)


def _parse_ages(section: Section) -> tuple[float, float]:
    max_age_s = section.number('max_age_s', above=0.0, high=_LONGEST_S)
    latency_s = section.number('latency_s', default=0.0, low=0.0, high=_LONGEST_S)
    if latency_s >= max_age_s:
        section.fail(
            'latency_s', f'found {latency_s}',
            f'expected less than max_age_s, {max_age_s}, as it counts towards the age',
            'correct it or raise max_age_s, else the policy never acts')
    return max_age_s, latency_s


def _parse_image(section: Section) -> ImageFormat:
    section.only(('width', 'height', 'encoding', 'crop'))
    crop = section.numbers('crop', length=4, default=None)
    if crop is not None:
        x, y, width, height = crop
        inside = min(x, y) >= 0.0 and max(x + width, y + height) <= 1.0
        if not inside or min(width, height) < _SMALLEST_CROP:
            section.fail('crop', f'found {crop.tolist()}',
                         'expected [x, y, width, height] as fractions inside the image',
                         'keep x + width and y + height at most 1, both at least '
                         f'{_SMALLEST_CROP}')
    return ImageFormat(
        width=section.integer('width', high=8192),
        height=section.integer('height', high=8192),
        encoding=section.text('encoding', default='rgb8', choices=('rgb8',)),
        crop=None if crop is None else tuple(crop.tolist()),
    )
