"""Read YAML text strictly: one document, one mapping, text keys, none of them twice."""

from pathlib import Path
from typing import Any

from lps_ros.contract.errors import ContractError
import yaml

# A contract has a few kilobytes; YAML takes seconds to read a megabyte.
_LONGEST_TEXT = 200_000


class _StrictLoader(yaml.SafeLoader):
    """Safe loader that refuses a key that is no text or given twice in one mapping."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        seen = set()
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ContractError(f'line {line}: found a key that is no text, expected text; '
                                    'rename the key')
            key = key_node.value
            if key_node.tag not in ('tag:yaml.org,2002:str', 'tag:yaml.org,2002:merge'):
                raise ContractError(f"line {line}: found the key {key}, which YAML does not read "
                                    f"as text, expected text; write '{key}' in quotes")
            if key in seen:
                raise ContractError(f"line {line}: found the key '{key}' twice, expected it once; "
                                    'remove one')
            seen.add(key)
        super().flatten_mapping(node)
        # What is merged a thousand times over must not become a million pairs: the last one wins.
        node.value = list({key_node.value: (key_node, value)
                           for key_node, value in node.value}.values())


def read_text(path: Path) -> str:
    """Read a contract file; raises ContractError where there is none or it is no UTF-8 text."""
    try:
        with path.open(encoding='utf-8') as file:
            return file.read(_LONGEST_TEXT + 1)
    except FileNotFoundError:
        raise ContractError(f'{path}: found no such file, expected a robot contract; '
                            'give the path of a YAML file as in config/') from None
    except UnicodeDecodeError:
        raise ContractError(f'{path}: found bytes that are no UTF-8 text, expected a robot '
                            'contract; give the path of a YAML file as in config/') from None
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        reason = getattr(error, 'strerror', None) or error
        raise ContractError(f'{path}: cannot be read ({reason}), expected a robot '
                            'contract; give the path of a readable YAML file') from None


def parse_mapping(text: str, *, source: str) -> dict[str, Any]:
    """Parse YAML text to a mapping; raises ContractError with the line where it fails."""
    if len(text) > _LONGEST_TEXT:
        raise ContractError(f'{source}: found more than {_LONGEST_TEXT} characters, expected a '
                            'robot contract; give the path of a YAML file as in config/')
    try:
        value = yaml.load(text, Loader=_StrictLoader)  # a SafeLoader
    except ContractError as error:
        raise ContractError(f'{source}: {error}') from None
    except RecursionError:
        raise ContractError(f'{source}: not YAML that can be read, found lists or mappings nested '
                            'hundreds of levels deep, expected those of a robot contract; correct '
                            'the brackets') from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist
        mark = getattr(error, 'problem_mark', None)
        place = f'line {mark.line + 1}: ' if mark else ''
        problem = getattr(error, 'problem', None) or getattr(error, 'reason', None) or str(error)
        raise ContractError(f'{source}: {place}not YAML, found: {" ".join(problem.split())}; '
                            'correct the line or the indentation above it') from None
    # What else PyYAML raises for `!!int ''`, `!!bool maybe` and the like.
    except Exception as error:
        raise ContractError(f'{source}: not YAML, found a value that its type cannot have '
                            f'({type(error).__name__}: {error}); correct the value') from None
    if not isinstance(value, dict):
        raise ContractError(f'{source}: found {type(value).__name__}, expected a mapping; '
                            'write `name: ...` and the other keys of a robot contract')
    return value
