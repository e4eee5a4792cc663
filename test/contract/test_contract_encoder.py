from pathlib import Path

from contract_texts import EVERY_TYPE
from lps_ros.contract import load_contract
from lps_ros.contract import MessageError
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import parse_contract
from lps_ros.contract import row_width
import numpy as np
import pytest

CONTRACT = parse_contract(EVERY_TYPE)
SHIPPED = load_contract(Path(__file__).parents[2] / 'config' / 'ur5e_cube.yaml')


def random_rows(contract, count, seed=0):
    rng = np.random.default_rng(seed)
    return {o.key: rng.normal(size=(count, row_width(o)))
            for o in contract.observations if o.image is None}


def test_names_say_what_each_dimension_is():
    encoder = ObservationEncoder(CONTRACT)
    assert encoder.keys == ('joints', 'tool', 'cube', 'speed', 'force', 'touch', 'current', 'held')
    assert encoder.image_keys == ('front', 'wrist')
    assert encoder.names == (
        'joints.position.b', 'joints.position.a', 'joints.velocity.b', 'joints.velocity.a',
        'tool.position.x', 'tool.position.y', 'tool.position.z', 'tool.yaw.cos', 'tool.yaw.sin',
        'cube.position.x', 'cube.position.y', 'cube.position.z', 'cube.sixd.r00', 'cube.sixd.r10',
        'cube.sixd.r20', 'cube.sixd.r01', 'cube.sixd.r11', 'cube.sixd.r21',
        'speed.angular.z', 'speed.linear.x', 'force.force.z', 'touch.left', 'touch.right',
        'current.motor', 'held.value',
        'cube_in_tool.position.x', 'cube_in_tool.position.y', 'cube_in_tool.position.z',
        'cube_in_tool.near.x', 'cube_in_tool.near.y', 'cube_in_tool.near.z',
        'cube_in_tool.yaw4.cos', 'cube_in_tool.yaw4.sin', 'turns.a.cos', 'turns.a.sin')
    assert encoder.size == len(encoder.names) == len(set(encoder.names))


def test_values_stand_under_their_names():
    rows = random_rows(CONTRACT, 5)
    encoder = ObservationEncoder(CONTRACT)
    encoded = dict(zip(encoder.names, encoder.encode(rows).T))
    np.testing.assert_array_equal(
        encoded['joints.velocity.b'], rows['joints'][:, 2].astype(np.float32))
    np.testing.assert_array_equal(encoded['held.value'], rows['held'][:, 0].astype(np.float32))
    displacement = rows['cube'][:, :3] - rows['tool'][:, :3]
    np.testing.assert_allclose(encoded['cube_in_tool.position.y'], displacement[:, 1], rtol=1e-6)
    np.testing.assert_allclose(
        encoded['cube_in_tool.near.z'], np.tanh(displacement[:, 2] / 0.03), rtol=1e-6)
    np.testing.assert_allclose(encoded['turns.a.sin'], np.sin(rows['joints'][:, 1]), rtol=1e-6)


@pytest.mark.parametrize('contract', [CONTRACT, SHIPPED], ids=['every_type', 'shipped'])
def test_one_row_encodes_as_it_does_among_many(contract):
    encoder = ObservationEncoder(contract)
    rows = random_rows(contract, 65)
    together = encoder.encode(rows)
    assert together.dtype == np.float32
    assert together.shape == (65, encoder.size)
    for i in range(65):
        alone = encoder.encode({key: block[i:i + 1] for key, block in rows.items()})
        np.testing.assert_array_equal(alone[0], together[i])


def test_no_rows_encode_to_no_rows():
    encoder = ObservationEncoder(SHIPPED)
    assert encoder.encode(random_rows(SHIPPED, 0)).shape == (0, encoder.size)


def test_rows_beyond_the_contract_are_left_alone():
    rows = random_rows(SHIPPED, 2)
    encoder = ObservationEncoder(SHIPPED)
    np.testing.assert_array_equal(
        encoder.encode({**rows, 'twist': np.zeros((7, 4))}), encoder.encode(rows))


def test_a_subset_encodes_its_part_the_same():
    subset = SHIPPED.subset(['tool', 'cube'])
    encoder, whole = ObservationEncoder(subset), ObservationEncoder(SHIPPED)
    rows = random_rows(SHIPPED, 3)
    columns = [whole.names.index(name) for name in encoder.names]
    np.testing.assert_array_equal(encoder.encode(rows), whole.encode(rows)[:, columns])


@pytest.mark.parametrize(('change', 'expected'), [
    ({'tool': None}, "observation 'tool': found no rows, expected (N, 7); use a subset of the "
     'contract without it'),
    ({'tool': np.zeros((3, 6))}, "observation 'tool': found rows of shape (3, 6), expected (3, 7);"
     ' pass one row per tick'),
    ({'tool': np.zeros((2, 7))}, "observation 'tool': found rows of shape (2, 7), expected (3, 7);"
     ' pass one row per tick'),
    ({'joints': np.zeros(12)}, "observation 'joints': found rows of shape (12,), expected (N, 12);"
     ' pass one row per tick'),
])
def test_rows_that_do_not_fit_give_their_line(change, expected):
    with pytest.raises(MessageError) as caught:
        ObservationEncoder(SHIPPED).encode({**random_rows(SHIPPED, 3), **change})
    assert str(caught.value) == expected
