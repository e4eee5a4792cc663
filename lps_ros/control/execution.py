"""How a policy is carried out, apart from how it is planned."""

from dataclasses import dataclass
import math


@dataclass(frozen=True, kw_only=True)
class Execution:
    """
    How chunks meet time.

    waits: time stands still while a plan is made, as in lock-step with a simulator;
    moved_otherwise: somebody else moves the robot, so that it need not follow the commands;
    stops_to_think: a chunk is planned when the one before is used up, and the robot stands
    meanwhile; ramp_s: a motion is led in over so long; patience_s: a stop that lasts longer
    disarms, since nobody expects the robot to go on by itself; max_unfamiliarity of an
    observation, max_disagreement of the critics on its chunk: beyond, the policy does not act.
    """

    waits: bool = False
    moved_otherwise: bool = False
    stops_to_think: bool = False
    ramp_s: float = 0.0
    patience_s: float = 2.0
    max_unfamiliarity: float = math.inf
    max_disagreement: float = math.inf
