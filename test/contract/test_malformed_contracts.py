"""Whatever is in a contract file: a contract that works, or one line that says what to do."""

import time

from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from lps_ros.contract import ActionCodec
from lps_ros.contract import ContractError
from lps_ros.contract import load_contract
from lps_ros.contract import ObservationEncoder
from lps_ros.contract import parse_contract
from lps_ros.control.execution import Execution
from lps_ros.control.pilot import Pilot
from lps_ros.control.planning import InlineInference
from lps_ros.control.planning import Steering
from malformed_contracts import contract_files
import numpy as np
from rclpy.validate_topic_name import validate_topic_name
import yaml

# Of the processor, for reading a file of a few kilobytes.
_LONGEST_S = 5.0


@settings(max_examples=450, derandomize=True, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=contract_files())
def test_a_malformed_contract_works_or_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / 'robot.yaml'
    path.write_bytes(content)
    began_s = time.process_time()
    try:
        contract = load_contract(path)
    except ContractError as error:
        check_refusal(str(error), str(path))
    else:
        check_works(contract)
    assert time.process_time() - began_s < _LONGEST_S


def check_refusal(message, path):
    """Check that a message is one line that names the file and ends in what to do."""
    assert message.isprintable()
    assert message.startswith(f'{path}: ')
    found, _, remedy = message.rpartition('; ')
    assert found and remedy
    assert len(message) < 3000


def check_works(contract):
    """Check that a contract is what its parts and everything that is made of it expect."""
    again = parse_contract(yaml.safe_dump(yaml.safe_load(contract.text), sort_keys=False))
    assert again.data_hash == contract.data_hash
    assert again.deployment_hash == contract.deployment_hash
    for spec in (*contract.observations, *contract.actions):
        validate_topic_name(spec.topic)
        # The longest that a resolved name may be leaves room for a namespace.
        assert len(spec.topic) <= 200 and len(spec.key) <= 100
    assert ObservationEncoder(contract).size == len(ObservationEncoder(contract).names)
    codec = ActionCodec(contract)
    for share in (-1.0, 0.0, 1.0):
        physical = codec.denormalise(np.full(codec.size, share))
        assert (codec.low <= physical).all() and (physical <= codec.high).all()
        np.testing.assert_allclose(codec.normalise(physical), share, atol=1e-6)
    required = [o.key for o in contract.observations if o.required]
    try:
        contract.subset(required)
    except ContractError as error:
        assert str(error).isprintable()
    pilot = Pilot(contract, InlineInference(None), horizon=2, steering=Steering(mode='prior'),
                  execution=Execution(waits=True))
    pilot.authority.arm()
    decision = pilot.tick(1, lambda: contract.clock.time_ns(1))
    assert not decision.acting and decision.reasons
