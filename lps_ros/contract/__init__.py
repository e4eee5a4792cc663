"""The robot contract: what is observed and commanded, and how messages become numbers."""

from lps_ros.contract.advice import advise
from lps_ros.contract.chunk_messages import path_velocities
from lps_ros.contract.clock import ControlClock
from lps_ros.contract.codec import ActionCodec
from lps_ros.contract.columns import row_columns
from lps_ros.contract.columns import row_width
from lps_ros.contract.difference import ContractDifference
from lps_ros.contract.difference import differences
from lps_ros.contract.encoder import ObservationEncoder
from lps_ros.contract.errors import ContractError
from lps_ros.contract.errors import MessageError
from lps_ros.contract.images import fit_image
from lps_ros.contract.loading import load_contract
from lps_ros.contract.loading import parse_contract
from lps_ros.contract.outgoing import OutgoingMessage
from lps_ros.contract.places import observed_place
from lps_ros.contract.places import Place
from lps_ros.contract.robot_contract import Contract
from lps_ros.contract.rows import extract
from lps_ros.contract.schema import Action
from lps_ros.contract.schema import Derived
from lps_ros.contract.schema import ImageFormat
from lps_ros.contract.schema import Limits
from lps_ros.contract.schema import Observation
from lps_ros.contract.schema import PeriodicJoints
from lps_ros.contract.schema import RelativePose
from lps_ros.contract.schema import Scale
from lps_ros.contract.schema import Start
from lps_ros.contract.schema import Task
from lps_ros.contract.schema import Workspace

__all__ = [
    'Action',
    'ActionCodec',
    'Contract',
    'ContractDifference',
    'ContractError',
    'ControlClock',
    'Derived',
    'ImageFormat',
    'Limits',
    'MessageError',
    'Observation',
    'ObservationEncoder',
    'OutgoingMessage',
    'PeriodicJoints',
    'Place',
    'RelativePose',
    'Scale',
    'Start',
    'Task',
    'Workspace',
    'advise',
    'differences',
    'extract',
    'fit_image',
    'load_contract',
    'observed_place',
    'parse_contract',
    'path_velocities',
    'row_columns',
    'row_width',
]
