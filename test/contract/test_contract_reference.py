"""docs/contract.md has every key that a contract takes, and no other, as the parsers take it."""

from pathlib import Path
import re

from contract_texts import edited
from contract_texts import REMOVE
from lps_ros.contract import advise
from lps_ros.contract import ContractError
from lps_ros.contract import load_contract
from lps_ros.contract import parse_contract
from lps_ros.contract.hashing import data_content
from lps_ros.contract.hashing import deployment_content
from lps_ros.contract.message_types import ACTION_TYPES
from lps_ros.contract.message_types import OBSERVATION_TYPES
from lps_ros.contract.section import Section
import pytest
import yaml

DOCUMENT = (Path(__file__).parents[2] / 'docs' / 'contract.md').read_text(encoding='utf-8')
EXAMPLES = re.findall(r'^```yaml\n(.*?)^```', DOCUMENT, re.DOTALL | re.MULTILINE)
LISTS = ('observations', 'derived', 'actions')
# Every key of every section at least once.
EVERY_KEY = edited(
    ('observations/1/max_identical', 5), ('observations/2/image/encoding', 'rgb8'),
    ('observations/0/unit', 'rad'), ('actions/0/unit', 'm/s, rad/s'),
    ('actions/0/limits/velocity', [1, 1]), ('actions/2/send', 'chunk'),
    ('actions/2/relative_to', 'joints'), ('actions/2/limits', {'start': {
        'observation': 'joints', 'names': ['b', 'a'], 'within': [0.1, 0.1], 'lag': [1, 1]}}))
CONTENT = yaml.safe_load(EVERY_KEY)


def tables(first):
    """Yield (heading, cells) of each row of the tables whose first column is headed so."""
    heading = columns = None
    for line in DOCUMENT.splitlines():
        if line.startswith('#'):
            heading = line.lstrip('# ')
        cells = [cell.strip() for cell in line.split('|')[1:-1]]
        if not cells:
            columns = None
        elif columns is None:
            columns = cells
        elif columns[0] == first and cells[0] != '---':
            yield heading, dict(zip(columns, cells, strict=True))


def documented():
    """Return the cells of every key by section, such as ('actions.limits', 'step')."""
    rows = {}
    for heading, cells in tables('key'):
        path = heading.replace('`', '').replace(', kind: ', '.')
        place = '' if path == 'Top level' else path, cells['key'].strip('`')
        assert place not in rows
        rows[place] = cells
    return rows


ROWS = documented()


def section_of(section):
    """Return a section's path without the keys of list entries, with the kind of a derived one."""
    parts = section.path.split('.') if section.path else []
    if parts and parts[0] in LISTS:
        del parts[1]
        parts += [section.mapping['kind']] if parts == ['derived'] else []
    return '.'.join(parts)


@pytest.fixture
def accepted(monkeypatch):
    """Return the keys that the parsers accept in EVERY_KEY, and the sections they ask for."""
    keys, wanted = set(), set()
    only, section, sections = Section.only, Section.section, Section.sections

    def record_only(self, allowed):
        allowed = tuple(allowed)
        keys.update((section_of(self), key) for key in allowed)
        only(self, allowed)

    def record(read):
        def recorded(self, key, **options):
            wanted.add((section_of(self), key))
            return read(self, key, **options)
        return recorded

    monkeypatch.setattr(Section, 'only', record_only)
    monkeypatch.setattr(Section, 'section', record(section))
    monkeypatch.setattr(Section, 'sections', record(sections))
    parse_contract.__wrapped__(EVERY_KEY)  # whether it was parsed before or not
    return keys, wanted


def test_the_tables_have_the_keys_that_the_parsers_accept(accepted):
    keys, _ = accepted
    assert set(ROWS) == keys


def test_no_section_that_the_parsers_ask_for_was_left_out(accepted):
    keys, wanted = accepted
    read = {section for section, _ in keys}
    asked = {f'{section}.{key}'.lstrip('.') for section, key in wanted}
    # Each kind of derived observation has a table of its own.
    assert asked - {'derived'} | {'', 'derived.relative_pose', 'derived.periodic'} == read


@pytest.mark.parametrize('place', ROWS, ids='.'.join)
def test_a_key_is_required_and_has_a_default_as_the_table_says(place):
    removed = [path for path in paths(CONTENT) if named(path) == place]
    assert removed
    required = ROWS[place]['required']
    assert required in ('yes', 'no', 'by type') and bool(ROWS[place]['default']) >= (
        required == 'no')
    outcomes = set()
    for path in removed:
        try:
            parse_contract(edited((path, REMOVE), text=EVERY_KEY))
            outcomes.add('no')
        except ContractError as error:
            missing = f'{place[1]}: key is missing' in str(error)
            outcomes.add('yes' if missing else f'no: {error}')
    if required == 'yes':
        assert outcomes == {'yes'}
    elif required == 'no':
        # Where another key needs it, as a stop of zeros its unit, that is what it says.
        assert 'no' in outcomes and 'yes' not in outcomes
    else:
        assert 'yes' in outcomes


def test_the_tables_say_which_hash_a_key_counts_into():
    contract = parse_contract(EVERY_KEY)
    said = {hash_: {place for place, cells in ROWS.items() if cells['hash'] == hash_}
            for hash_ in ('data', 'deployment', '')}
    assert sum(map(len, said.values())) == len(ROWS)
    data, deployment = leaves(data_content(contract)), leaves(deployment_content(contract))
    names = {place for place in ROWS if place[0].split('.')[0] in LISTS and place[1] == 'key'}
    # A stream without its key is another stream; both are what the hash lists streams by.
    assert said['data'] == data | names
    assert said['deployment'] == deployment


@pytest.mark.parametrize(('heading', 'types'), [
    ('Message types of observations', OBSERVATION_TYPES), ('Message types of actions',
                                                           ACTION_TYPES)])
def test_the_tables_of_types_are_those_of_the_parsers(heading, types):
    def listed(cell):
        return tuple(re.findall('`(.*?)`', cell))

    assert {
        cells['type'].strip('`'): tuple(listed(cells[column]) for column in (
            '`fields` may list', 'needs', 'may have'))
        for place, cells in tables('type') if place == heading
    } == {name: (kind.fields, kind.required, kind.optional) for name, kind in types.items()}


@pytest.mark.parametrize('text', EXAMPLES)
def test_an_example_loads(tmp_path, text):
    path = tmp_path / 'example.yaml'
    path.write_text(text)
    load_contract(path)


def test_the_examples_are_as_good_as_they_say():
    first, last = (parse_contract(text) for text in EXAMPLES)
    assert advise(first) and not advise(last)


def test_every_link_of_the_document_leads_somewhere():
    headings = {}
    folder = Path(__file__).parents[2] / 'docs'
    for file, anchor in re.findall(r'\]\(([^)#]*)#?([^)]*)\)', DOCUMENT):
        path = (folder / file) if file else folder / 'contract.md'
        assert path.is_file(), file
        if anchor:
            found = headings.setdefault(path, {
                re.sub(r'[^\w\- ]', '', line.lstrip('# ').lower()).replace(' ', '-')
                for line in path.read_text(encoding='utf-8').splitlines()
                if line.startswith('#')})
            assert anchor in found, anchor


def paths(content, before=''):
    """Yield the path of every key of a contract's content, as `edited` takes it."""
    items = content.items() if isinstance(content, dict) else (
        enumerate(content) if isinstance(content, list) else ())
    for key, value in items:
        if isinstance(content, dict):
            yield f'{before}{key}'
        if isinstance(value, (dict, list)):
            yield from paths(value, f'{before}{key}/')


def named(path):
    """Return section and key of a path such as 'actions/0/limits/step'."""
    *parents, key = path.split('/')
    if len(parents) > 1 and parents[0] == 'derived':
        return f"derived.{CONTENT['derived'][int(parents[1])]['kind']}", key
    return '.'.join(part for part in parents if not part.isdigit()), key


def leaves(content):
    """Return section and key of everything that a hash covers."""
    found = set()
    for top in LISTS:
        for entry in content.get(top, {}).values():
            section = f"derived.{entry['kind']}" if top == 'derived' else top
            found |= _leaves(section, entry)
    return found | {('', key) for key in content if key not in (*LISTS, 'order')}


def _leaves(section, entry):
    found = set()
    for key, value in entry.items():
        if isinstance(value, dict):
            found |= _leaves(f'{section}.{key}', value)
        elif f'{section}.{key}' not in ('observations.image', 'actions.limits.workspace'):
            found.add((section, key))
    return found
