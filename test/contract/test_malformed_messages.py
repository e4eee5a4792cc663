"""Whatever a message holds: a row that fits its stream, or one line that says what to do."""

from contract_texts import EVERY_TYPE
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from lps_ros.contract import extract
from lps_ros.contract import MessageError
from lps_ros.contract import parse_contract
from lps_ros.contract import row_width
from malformed_messages import contents
from malformed_messages import fit_content
from malformed_messages import junk
from malformed_messages import plain_message
from malformed_messages import ros_message
import numpy as np
import pytest
from rclpy.serialization import serialize_message

_CONTRACT = parse_contract(EVERY_TYPE)
_SPECS = (*_CONTRACT.observations, *_CONTRACT.actions)
_NOW_NS = 10**12


def row_of(spec, message):
    """Return the row of a message, checked, or None where it is refused in one line."""
    try:
        row = extract(spec, message)
    except MessageError as error:
        text = str(error)
        assert text.isprintable() and text.startswith(f'{spec.label}: found ')
        assert '; ' in text and len(text) < 3000
        return None
    image = getattr(spec, 'image', None)
    if image is None:
        assert row.shape == (row_width(spec),) and row.dtype == np.float64
    else:
        assert row.shape == (image.height, image.width, 3) and row.dtype == np.uint8
    return row


@pytest.mark.parametrize('spec', _SPECS, ids=lambda spec: spec.key)
def test_a_fit_message_gives_the_same_row_in_every_form(spec):
    content = fit_content(spec, _NOW_NS)
    row = row_of(spec, ros_message(spec, content))
    np.testing.assert_array_equal(row, row_of(spec, plain_message(content)))


@settings(max_examples=1000, derandomize=True, deadline=None)
@given(data=st.data(), spec=st.sampled_from(_SPECS))
def test_a_malformed_message_gives_a_row_or_one_line(data, spec):
    content = data.draw(contents(spec, _NOW_NS))
    message = ros_message(spec, content)
    assert serialize_message(message)  # a publisher could send it
    rows = [row_of(spec, message), row_of(spec, plain_message(content))]
    assert (rows[0] is None) == (rows[1] is None)
    if rows[0] is not None:
        np.testing.assert_array_equal(*rows)


@settings(max_examples=800, derandomize=True, deadline=None)
@given(data=st.data(), spec=st.sampled_from(_SPECS))
def test_junk_gives_a_row_or_one_line(data, spec):
    row_of(spec, plain_message(data.draw(junk(spec, _NOW_NS))))
