"""The parsers of `lps`: an option is meant as it is written."""

from command_options import parsers
from lps_ros.cli.main import main
from lps_ros.nodes import policy_node
from lps_ros.nodes import simulated_robot_node
import pytest


def test_no_option_is_taken_for_another_that_begins_alike():
    every = list(parsers())
    assert {'lps demo', 'lps bench control', 'lps dataset convert'} <= {
        each.prog for each in every}
    assert [each.prog for each in every if each.allow_abbrev] == []


@pytest.mark.parametrize('arguments', [
    ('bench', 'control', '--join', 'foo'), ('demo', '--cand', '3')])
def test_an_option_that_there_is_not_is_named(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    unknown = ' '.join(arguments[-2:])
    assert capsys.readouterr().err.endswith(f'error: unrecognized arguments: {unknown}\n')


@pytest.mark.parametrize(('command', 'option', 'expected'), [
    ('run', '--candidates -5', 'is -5, expected 0 to 1024'),
    ('run', '--candidates 1025', 'is 1025, expected 0 to 1024'),
    ('run', '--strength 3', 'is 3.0, expected 0 to 1'),
    ('run', '--strength -1', 'is -1.0, expected 0 to 1'),
    ('run', '--strength nan', 'is nan, expected 0 to 1'),
    ('run', '--replan-every 1001', 'is 1001, expected 0 to 1000'),
    ('run', '--seed -1', 'is -1, expected 0 to 2147483647'),
    ('run', '--realtime-priority 200', 'is 200, expected 0 to 99'),
    ('sim', '--task 6', 'is 6, expected 1 to 5'),
    ('sim', '--seed 2147483648', 'is 2147483648, expected 0 to 2147483647'),
    ('sim', '--real-time-factor 0', 'is 0.0, expected 0.01 to 100')])
def test_a_number_out_of_its_range_is_one_line_and_no_node_starts(
        capsys, monkeypatch, command, option, expected):
    for module in (policy_node, simulated_robot_node):
        monkeypatch.setattr(module, 'main', lambda _: pytest.fail('the node began'))
    name, value = option.split()
    needed = ('--bundle', 'models/mine') if command == 'run' else ()
    assert main([command, *needed, name, value]) == 1
    assert capsys.readouterr() == ('', f'error: {name} {expected}\n')
