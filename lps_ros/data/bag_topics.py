"""Which topic of a recording is which stream of the contract."""

from collections.abc import Mapping
import logging
from pathlib import Path

from lps_ros.contract import Contract
from lps_ros.data.errors import BagError
from lps_ros.data.messages import STRING
from lps_ros.data.provenance import TICKS_TOPIC
from lps_ros.data.raw_log import absolute

_LOGGER = logging.getLogger(__name__)


def match_topics(
        contract: Contract, topics: Mapping[str, str], namespace: str,
        path: Path) -> dict[str, str]:
    """
    Return the recording's topic for each topic of the contract that it holds.

    topics gives the type of each recorded topic. A relative topic is looked for in the namespace,
    then as the only recorded one that ends with it. Raises BagError where a required observation
    or an action has none, where several fit, or where the type is another.
    """
    matched: dict[str, str] = {}
    for spec in (*contract.observations, *contract.actions):
        found = _find(spec.topic, topics, namespace, path)
        if found is None:
            if getattr(spec, 'required', True):
                raise BagError(
                    f"{path}: found no topic '{spec.topic}' ({spec.label}), only "
                    f'{", ".join(sorted(topics)) or "none"}; record it, or give the namespace')
            continue
        if topics[found] != spec.type:
            raise BagError(
                f"{path}: topic '{found}' carries {topics[found]}, expected {spec.type} "
                f'({spec.label}); correct the contract or the publisher')
        matched[spec.topic] = found
    return matched


def ticks_topic(topics: Mapping[str, str], namespace: str, path: Path) -> str | None:
    """Return the topic on which a policy node told of its ticks, None where there is none."""
    texts = {name: kind for name, kind in topics.items() if kind == STRING}
    try:
        return _find(TICKS_TOPIC, texts, namespace, path)
    except BagError as error:
        _LOGGER.warning('%s; no provenance is kept', error)
        return None


def _find(topic: str, topics: Mapping[str, str], namespace: str, path: Path) -> str | None:
    if topic.startswith('/'):
        return topic if topic in topics else None
    exact = absolute(f'{namespace.strip("/")}{absolute(topic)}')
    if exact in topics:
        return exact
    candidates = [name for name in sorted(topics) if name.endswith(absolute(topic))]
    if namespace or not candidates:
        return None
    if len(candidates) > 1:
        raise BagError(f"{path}: topic '{topic}' may be any of {', '.join(candidates)}; "
                       'give the namespace')
    return candidates[0]
