"""What the policy node keeps and tells of every tick, and of a whole run."""

from pathlib import Path
import time

from lps_ros.contract import Contract
from lps_ros.control.gates import Reason
from lps_ros.control.run_log import RunLog
from lps_ros.control.run_log import summary
from lps_ros.control.tick_record import TickRecord
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import String

_QUEUE_DEPTH = 100


class RunRecords:
    """Publishes each tick's record on `~/tick` (String, JSON); reports on the run at its end."""

    def __init__(self, node: LifecycleNode, contract: Contract, folder: str) -> None:
        """Take where reports are written, '' for nowhere."""
        self._node = node
        self._contract = contract
        self._folder = Path(folder).expanduser() if folder else None
        self._publisher = node.create_publisher(String, '~/tick', _QUEUE_DEPTH)
        self.begin()

    def begin(self, **run: str | bool | int | float) -> None:
        """Begin a run; run: what its report says at its head, such as the bundle."""
        started = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        self.log = RunLog(self._contract, run={'started': started, **run})

    def tick(self, record: TickRecord, *, armed: bool, why_not: str) -> None:
        """Take a served tick, and whether and why not the policy is armed."""
        self._publisher.publish(String(data=record.to_json()))
        self.log.armed(armed, record.time_ns, why_not)
        self.log.add(record)

    def halted(self, reason: Reason, now_ns: int) -> None:
        """Take a stop between ticks."""
        self.log.halted(reason, now_ns)

    def end(self, **counts: int) -> None:
        """Say what the run was like and write the report, JSON and one HTML page."""
        figures = self.log.figures(**counts)
        if not figures['ticks']:
            return
        for line in summary(figures):
            self._node.get_logger().info(line)
        if self._folder is None:
            return
        path = self._folder / time.strftime('run_%Y%m%dT%H%M%SZ.json', time.gmtime())
        try:
            self.log.write_json(path, **counts)
            # Takes a second, which only those pay who want the page.
            from lps_ros.evaluation.run_report import run_page
            page = path.with_suffix('.html')
            title = f'{self._node.get_name()} on {self._contract.name}'
            run_page(figures, title=title).write(page)
            self._node.get_logger().info(f'report of the run: {page}')
        except OSError as error:
            self._node.get_logger().error(f'no report of the run: {error}')

    def close(self) -> None:
        """Take the topic down."""
        self._node.destroy_publisher(self._publisher)
