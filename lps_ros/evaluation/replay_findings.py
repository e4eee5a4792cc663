"""What somebody wants to know before the policy may move the arm, as sentences."""

from collections.abc import Mapping

from lps_ros.evaluation.table import number
from lps_ros.evaluation.table import percent

# Of half the scale: below it, two commands are the same.
_SAME = 1e-3
# Of the range in training: farther beyond it, a network's answer is anybody's guess.
_UNFAMILIAR = 0.1

Finding = tuple[bool | None, str]


def findings(figures: Mapping) -> list[Finding]:
    """Return sentences on the figures of a replay: True good, False a warning, None neither."""
    if not figures['as_executed']['ticks']:
        return [_input(figures), *_refused(figures),
                (False, 'At no tick do both the policy and the recording command.')]
    return [_input(figures), *_refused(figures), _limits(figures), _changes(figures),
            _agreement(figures), _critics(figures), *_familiarity(figures), *_doubts(figures),
            _planning(figures)]


def _input(figures: Mapping) -> Finding:
    ticks, fit = figures['ticks'], figures['fit_ticks']
    blamed = [f'{key} {name} at {count}' for key, stream in figures['input'].items()
              for name in ('missing', 'stale', 'unfit') if (count := stream[f'{name}_ticks'])]
    text = f'Input was fit to act on at {fit} of {ticks} ticks'
    if not blamed:
        return True, f'{text}.'
    return False, f'{text}, at the others the node would have stopped: {", ".join(blamed)}.'


def _refused(figures: Mapping) -> list[Finding]:
    return [(False, f'The node would have refused to command at {count} ticks: {reason}.')
            for reason, count in list(figures['as_executed']['refused'].items())[:1]]


def _limits(figures: Mapping) -> Finding:
    executed = figures['as_executed']
    if not executed['limited']:
        return True, 'No command reaches beyond the limits.'
    counts = ', '.join(f'{name} {count} times' for name, count in executed['limited'].items())
    return False, f'The limits change commands at {executed["limited_ticks"]} ticks: {counts}.'


def _changes(figures: Mapping) -> Finding:
    """Compare the largest change from one tick to the next with the recording's."""
    executed = figures['as_executed']
    larger = [f'{name} {number(own)} {unit}'.rstrip() + f' (recorded {number(recorded)})'
              for name, unit, own, recorded in zip(
                  figures['dimensions'], figures['units'], executed['largest_change'],
                  executed['recorded_largest_change']) if own > recorded * (1.0 + _SAME)]
    if not larger:
        return True, 'No command changes more from one tick to the next than the recorded ones.'
    return False, f'Commands change more from one tick to the next in {", ".join(larger)}.'


def _agreement(figures: Mapping) -> Finding:
    executed, half = figures['as_executed'], figures['half_range']
    share = [error / width for error, width in zip(executed['rmse'], half)]
    largest = max(error / width for error, width in zip(executed['max_abs'], half))
    if largest < _SAME:
        return True, ("As executed, the commands are the recorded ones, so this is the policy's "
                      f'own run: largest difference {largest:.1g} of half the scale.')
    worst = share.index(max(share))
    unit = figures['units'][worst]
    return None, (f'As executed, the commands differ from the recorded ones by '
                  f'{percent(executed["rmse_of_half_range"])} of half the scale (RMSE, mean of '
                  f'the dimensions), most in {figures["dimensions"][worst]}: '
                  f'{number(executed["rmse"][worst])} {unit}'.rstrip() + '.')


def _critics(figures: Mapping) -> Finding:
    q = figures['q']
    if not q['ticks']:
        return None, 'No tick has both a planned and a complete recorded chunk to compare by Q.'
    return None, (f'The critics rate the planned chunk higher than the recorded one at '
                  f'{percent(q["higher"])} of the ticks (least value: '
                  f'{number(q["policy"]["min"])} against {number(q["recorded"]["min"])}).')


def _familiarity(figures: Mapping) -> list[Finding]:
    unfamiliar = figures['unfamiliar']
    if unfamiliar is None:
        return []
    if not unfamiliar['farthest']:
        return [(True, 'All input lies within the range of the training data.')]
    worst = unfamiliar['farthest'][0]
    return [(worst['beyond'] <= _UNFAMILIAR, (
        f'Input lies outside the range of the training data at {unfamiliar["ticks"]} ticks, '
        f'farthest in {worst["name"]}: by {percent(worst["beyond"])} of the range.'))]


def _doubts(figures: Mapping) -> list[Finding]:
    sentences = []
    if (unfamiliar := figures['doubt']['unfamiliarity']) is not None:
        above = unfamiliar['ticks_above_1']
        sentences.append((not above, (
            f'Unfamiliarity, 1 at the edge of the training data, is above 1 at {above} of '
            f'{unfamiliar["ticks"]} ticks: {_levels(unfamiliar)}.')))
    if (disagreement := figures['doubt']['disagreement']) is not None:
        sentences.append((None, (
            f'The critics disagree on the planned chunk by {_levels(disagreement)}.')))
    return sentences


def _levels(figures: Mapping) -> str:
    return (f'median {number(figures["median"])}, 99 % {number(figures["p99"])}, largest '
            f'{number(figures["max"])}')


def _planning(figures: Mapping) -> Finding:
    times = figures['planning']
    period_ms = 1e3 / figures['rate_hz']
    return times['p99_ms'] < period_ms, (
        f'Planning a chunk took {number(times["p50_ms"])} ms on this machine (99 %: '
        f'{number(times["p99_ms"])} ms) of the {number(period_ms)} ms between ticks.')
