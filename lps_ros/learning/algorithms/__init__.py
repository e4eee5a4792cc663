"""The algorithms, one file each, by name."""

from lps_ros.learning.algorithms.algorithm import Algorithm
from lps_ros.learning.algorithms.best_of_n import BestOfN
from lps_ros.learning.algorithms.cfgrl import CFGRL
from lps_ros.learning.algorithms.dsrl import DSRL
from lps_ros.learning.algorithms.flow_bc import FlowBC
from lps_ros.learning.algorithms.lps import LPS
from lps_ros.learning.algorithms.meanflow_bc import MeanFlowBC
from lps_ros.learning.algorithms.qc_fql import QCFQL
from lps_ros.learning.algorithms.qc_mfql import QCMFQL

ALGORITHMS: dict[str, type[Algorithm]] = {kind.name: kind for kind in (
    LPS, MeanFlowBC, FlowBC, BestOfN, DSRL, QCFQL, QCMFQL, CFGRL)}
