"""Whether a node's clock can be trusted: it runs, and it does not jump."""

# Beyond what NTP slews between two looks, and what passes between reading one clock and the other.
_JUMP_S, _LEAST_JUMP_S = 0.1, 0.01
# A simulated clock may run fast, but not faster than this, and it comes in steps.
_FASTEST = 20.0
_SIMULATED_STEP_S = 1.0


class ClockWatch:
    """
    Compares a clock with a steady one.

    A simulated clock runs at a rate of its own: it must not go back, stand still, or leap. Until
    its first message it reads zero, which is no time; after that, zero is one as any other.
    """

    def __init__(self, *, simulated: bool, still_s: float, period_s: float) -> None:
        """
        Take after how long without a new reading the clock counts as stopped, steady s.

        period_s: of control; a real clock may step by so much, by 10 ms at least and 0.1 s at
        most.
        """
        self._simulated = simulated
        self._still_s = still_s
        self._jump_s = min(max(period_s, _LEAST_JUMP_S), _JUMP_S)
        self.reset()

    def reset(self) -> None:
        """Forget what was seen."""
        self._last: tuple[int, float] | None = None
        self._moved_s = 0.0

    def look(self, now_ns: int, steady_s: float) -> str:
        """Return what is wrong with the clock since the last look, in one line, or nothing."""
        if self._simulated and self._last is None and now_ns == 0:
            return ''
        last, self._last = self._last, (now_ns, steady_s)
        if last is None or now_ns != last[0]:
            self._moved_s = steady_s
        if last is None:
            return ''
        passed_s, steady_passed_s = (now_ns - last[0]) * 1e-9, steady_s - last[1]
        if passed_s < 0:
            return f'the clock jumped back by {-passed_s:.3f} s'
        if self._simulated:
            ahead_s, limit_s = passed_s, _SIMULATED_STEP_S + _FASTEST * steady_passed_s
        else:
            ahead_s, limit_s = passed_s - steady_passed_s, self._jump_s
            if -ahead_s > limit_s:
                return f'the clock fell back by {-ahead_s:.3f} s against a steady clock'
        if ahead_s > limit_s:
            return f'the clock jumped ahead by {ahead_s:.3f} s'
        if steady_s - self._moved_s > self._still_s:
            return (f'the clock has stood still for {steady_s - self._moved_s:.2f} s; check what '
                    'publishes /clock')
        return ''
