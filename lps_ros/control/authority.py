"""Who may command the robot: nobody, a person, or the policy."""

from dataclasses import dataclass
import enum


class Source(str, enum.Enum):
    """Where commands come from."""

    NONE = 'none'
    TELEOP = 'teleop'
    POLICY = 'policy'


@dataclass(frozen=True, kw_only=True)
class AuthorityLimits:
    """
    How long a person's word holds, in s.

    dead_man_s: since the switch was last seen held, 0 where there is no such switch; teleop_s:
    since the last command of teleoperation, refused ones included.
    """

    dead_man_s: float = 0.0
    teleop_s: float = 0.3


class Authority:
    """
    The e-stop wins over all, then the dead-man switch, then teleoperation, then the policy.

    The policy also has to be armed, by a person. All times are ns of the node's clock.
    """

    def __init__(self, limits: AuthorityLimits | None = None) -> None:
        self.limits = limits or AuthorityLimits()
        self._stop_pressed = False
        self._held_ns: int | None = None
        self._teleop_ns: int | None = None
        self._refused_ns: int | None = None
        self._disarmed = 'not armed yet'

    @property
    def armed(self) -> bool:
        """Whether the policy may command when no person does."""
        return not self._disarmed

    def arm(self) -> str:
        """Arm; return why that is refused, or nothing."""
        if self._stop_pressed:
            return 'the e-stop is pressed; release it first'
        self._disarmed = ''
        return ''

    def disarm(self, reason: str) -> None:
        """Let the policy command no more until it is armed again; the first reason is kept."""
        self._disarmed = self._disarmed or reason

    def press_stop(self, pressed: bool) -> None:
        """Take the state of the e-stop; releasing it does not arm."""
        self._stop_pressed = pressed
        if pressed:
            self.disarm('the e-stop was pressed')

    def hold_switch(self, held: bool, now_ns: int) -> None:
        """Take the state of the dead-man switch."""
        self._held_ns = now_ns if held else None

    def teleoperate(self, now_ns: int) -> None:
        """Take note of a command of teleoperation."""
        self._teleop_ns = now_ns

    def refuse(self, now_ns: int) -> None:
        """Take note that a person meant to command and was refused; the policy keeps still."""
        self._refused_ns = now_ns

    def forget_times(self) -> None:
        """Take every person to be absent, since the clock has jumped."""
        self._held_ns = self._teleop_ns = self._refused_ns = None

    def source(self, now_ns: int) -> tuple[Source, str]:
        """Return who may command, and why nobody or nobody but a person may."""
        if self._stop_pressed:
            return Source.NONE, 'the e-stop is pressed'
        if self.limits.dead_man_s and not _within(
                self._held_ns, now_ns, self.limits.dead_man_s):
            return Source.NONE, 'the dead-man switch is not held'
        if _within(self._teleop_ns, now_ns, self.limits.teleop_s):
            return Source.TELEOP, self._disarmed
        if self._disarmed:
            return Source.NONE, f'disarmed: {self._disarmed}'
        if _within(self._refused_ns, now_ns, self.limits.teleop_s):
            return Source.NONE, 'a command of teleoperation was refused'
        return Source.POLICY, ''


def _within(since_ns: int | None, now_ns: int, limit_s: float) -> bool:
    # A word from after now is one from before the clock jumped back.
    return since_ns is not None and abs(now_ns - since_ns) <= limit_s * 1e9
