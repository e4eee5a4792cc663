"""Launch files offer exactly their nodes' parameters; read from the sources, without launch."""

import ast
from importlib import import_module
from pathlib import Path

import lps_ros
import pytest

ROOT = Path(lps_ros.__file__).resolve().parents[1]
NODES = {'sim': 'simulated_robot', 'record': 'recorder', 'train': 'trainer', 'policy': 'policy'}
# Where they are not in the node's own module.
PARAMETERS_OF = {'policy': 'policy_parameters.py'}
# Launch itself asks for the transitions; what steers is told by the tool that steers.
NOT_OFFERED = {'policy': 'autostart', 'record': 'policy'}
# These run on simulated time where a simulator publishes /clock.
ON_SIMULATED_TIME = ('record', 'policy')


def offered(launch_file):
    """Return name -> (type, description) of the parameters that a launch file offers."""
    for node in ast.parse(launch_file.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == 'PARAMETERS':
            return {key.value: (value.elts[0].id, ast.literal_eval(value.elts[1]))
                    for key, value in zip(node.value.keys, node.value.values)}
    raise AssertionError(f'{launch_file} has no table PARAMETERS')


def declared(node_file):
    """Return name -> type of the parameters that a node declares."""
    constants = vars(import_module(f'lps_ros.nodes.{node_file.stem}'))

    def value(node):
        return constants[node.id] if isinstance(node, ast.Name) else ast.literal_eval(node)
    return {
        call.args[1].value: type(value(call.args[2])).__name__
        for call in ast.walk(ast.parse(node_file.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'declare'
        and isinstance(call.args[1], ast.Constant)}


def test_there_is_a_launch_file_for_each_of_these_nodes():
    assert {path.name.removesuffix('.launch.py') for path in (ROOT / 'launch').iterdir()
            if path.is_file()} == set(NODES)


@pytest.mark.parametrize('name', NODES)
def test_a_launch_file_offers_the_parameters_of_its_node(name):
    nodes = ROOT / 'lps_ros' / 'nodes'
    expected = declared(nodes / PARAMETERS_OF.get(name, f'{NODES[name]}_node.py'))
    assert len(expected) > 4
    if name in ON_SIMULATED_TIME:
        expected['use_sim_time'] = 'bool'
    expected.pop(NOT_OFFERED.get(name), None)
    found = offered(ROOT / 'launch' / f'{name}.launch.py')
    assert {parameter: kind for parameter, (kind, _) in found.items()} == expected
    texts = [text for _, text in found.values()]
    assert all(len(text) > 5 for text in texts) and len(set(texts)) == len(texts)
