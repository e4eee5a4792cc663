import argparse
from pathlib import Path

from contract_texts import edited
from contract_texts import EVERY_TYPE
from lps_ros.cli import contract as command
from lps_ros.contract import advise
from lps_ros.contract import ContractError
from lps_ros.contract import load_contract
import pytest
from test_contract_advice import GUARDED

SHIPPED = Path(__file__).parents[2] / 'config' / 'ur5e_cube.yaml'


@pytest.fixture
def lps():
    parser = argparse.ArgumentParser(prog='lps')
    command.add_parser(parser.add_subparsers())

    def run(*arguments):
        parsed = parser.parse_args(arguments)
        return parsed.func(parsed)

    return run


def test_check_shows_streams_and_hashes(lps, capsys):
    assert lps('contract', 'check', str(SHIPPED)) == 0
    shown = capsys.readouterr().out
    contract = load_contract(SHIPPED)
    for part in ('ur5e_cube', '20 Hz', '43 numbers, 1 image(s)', 'servo_node/delta_twist_cmds',
                 'position and yaw in base_link', '96x96 rgb8', 'cube in tool', '0..0.085',
                 contract.data_hash, contract.deployment_hash):
        assert part in shown


def test_check_shows_what_may_leave_the_node(lps, capsys, tmp_path):
    path = tmp_path / 'every.yaml'
    path.write_text(EVERY_TYPE)
    assert lps('contract', 'check', str(path)) == 0
    lines = capsys.readouterr().out.splitlines()
    limits = lines[next(i for i, line in enumerate(lines) if 'step per tick' in line):]
    twist = next(line for line in limits if line.startswith('twist '))
    for part in ('-0.5..0.5, -3..6', '0.2, 1', 'from rest', 'tool in 0..1, 0..1, 0..1 m'):
        assert part in twist
    gripper = next(line for line in limits if line.startswith('gripper '))
    for part in ('0..0.085', 'no step limit', 'anywhere', 'no workspace'):
        assert part in gripper
    assert 'led in from joints' in next(line for line in limits if line.startswith('arm '))


def test_check_shows_the_tighter_of_step_and_velocity_and_the_start(lps, capsys, tmp_path):
    path = tmp_path / 'every.yaml'
    path.write_text(edited(('actions/2/limits', {
        'step': [0.02, 0.5], 'velocity': [1.0, 2.0],
        'start': {'observation': 'joints', 'within': [0.1, 0.3], 'lag': [0.4, 0.5]}})))
    assert lps('contract', 'check', str(path)) == 0
    arm = [line for line in capsys.readouterr().out.splitlines() if line.startswith('arm ')][-1]
    assert '0.02, 0.1' in arm and 'within 0.1, 0.3 of joints, to follow within 0.4, 0.5' in arm


@pytest.mark.parametrize(('send', 'steps'), [('point', '0.02, 0.15'), ('chunk', '0.02, 0.1')])
def test_check_shows_what_the_cubics_of_a_chunk_leave_of_the_velocity(
        lps, capsys, tmp_path, send, steps):
    path = tmp_path / 'every.yaml'
    path.write_text(edited(('actions/2/send', send), ('actions/2/limits', {
        'step': [0.02, 0.5], 'velocity': [1.0, 3.0]})))
    assert lps('contract', 'check', str(path)) == 0
    arm = [line for line in capsys.readouterr().out.splitlines() if line.startswith('arm ')][-1]
    assert steps in arm


def test_check_shows_every_type(lps, capsys, tmp_path):
    path = tmp_path / 'every.yaml'
    path.write_text(EVERY_TYPE)
    assert lps('contract', 'check', str(path)) == 0
    assert 'WrenchStamped' in capsys.readouterr().out


def test_check_shows_how_a_stop_and_a_command_are_sent(lps, capsys, tmp_path):
    path = tmp_path / 'every.yaml'
    path.write_text(edited(('actions/2/send', 'chunk')))
    assert lps('contract', 'check', str(path)) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    shown = {line[0]: line[-2:] for line in lines if line and line[-1] in ('point', 'chunk')}
    assert shown['arm'] == ['hold', 'chunk'] and shown['gripper'] == ['hold', 'point']


def test_check_gives_advice_after_its_tables(lps, capsys):
    assert lps('contract', 'check', str(SHIPPED)) == 0
    shown = capsys.readouterr().out
    lines = advise(load_contract(SHIPPED))
    assert lines
    assert shown.endswith(
        '\n\nconsider, on a real arm\n' + ''.join(f'- {line}\n' for line in lines))


def test_check_has_no_heading_without_advice(lps, capsys, tmp_path):
    path = tmp_path / 'guarded.yaml'
    path.write_text(GUARDED)
    assert lps('contract', 'check', str(path)) == 0
    assert 'consider' not in capsys.readouterr().out


def test_check_raises_the_line_of_a_fault(lps, tmp_path):
    path = tmp_path / 'faulty.yaml'
    path.write_text(edited(('rate_hz', 0)))
    with pytest.raises(ContractError, match='rate_hz: found 0, expected'):
        lps('contract', 'check', str(path))


@pytest.mark.parametrize('arguments', [['contract', '--help'], ['contract', 'check', '--help']])
def test_help_has_an_example(lps, capsys, arguments):
    with pytest.raises(SystemExit) as exit_status:
        lps(*arguments)
    assert exit_status.value.code == 0
    assert 'lps contract check config/ur5e_cube.yaml' in capsys.readouterr().out
