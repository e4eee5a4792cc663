"""Writes down what came of the faults."""

from fault_cases import Then
from fault_outcome import longest_rest_s

_END = '<!-- end -->'
_TWISTS = '<!-- fault table -->'
_TRAJECTORIES = '<!-- fault table of trajectories -->'
# A limit that no command came near was not tried.
_REACHED = {'twist': ('range', 'step'), 'chunk': ('range', 'step', 'velocity'),
            'point': ('range', 'step', 'velocity')}


def write_tables(file, outcomes):
    """Write the tables of a file anew, from outcomes by way of commanding."""
    for way, limits in _REACHED.items():
        for limit in limits if way in outcomes else ():
            assert max(each.used.get(limit, 0.0) for each in outcomes[way]) > 0.99, (way, limit)
    if twists := outcomes.get('twist'):
        _replace(file, _TWISTS, _of_twists(twists))
    if 'chunk' in outcomes and 'point' in outcomes:
        _replace(file, _TRAJECTORIES, _of_trajectories(outcomes['chunk'], outcomes['point']))


def _replace(file, begin, rows):
    before, rest = file.read_text(encoding='utf-8').split(begin)
    after = rest.split(_END, maxsplit=1)[1]
    table = '\n'.join(rows)
    file.write_text(f'{before}{begin}\n{table}\n{_END}{after}', encoding='utf-8')


def _of_twists(outcomes):
    rows = ['| fault | the arm | stop sent after | at rest after that | armed then | it said |',
            '|---|---|---|---|---|---|']
    for each in outcomes:
        # Of several complaints, from the one that is looked for.
        begins = 1 + each.text.rfind(';', 0, each.text.find(each.fault.says))
        said = each.text[begins:].strip().replace(each.bundle, 'BUNDLE')
        sent, rest, armed = _cells(each, outcomes[0].rest_s)
        rows.append(f'| {each.fault.name} | {each.fault.then.value} | {sent} | {rest} '
                    f'| {armed} | {said} |')
    return rows


def _of_trajectories(chunks, points):
    rows = ['| fault | `chunk`: stop sent after | at rest after that | armed then '
            '| `point`: last one passed after | at rest after that | armed then |',
            '|---|---|---|---|---|---|---|']
    by_name = {each.fault.name: each for each in points}
    for chunk in chunks:
        point = by_name.get(chunk.fault.name)
        sent, *others = _cells(chunk, chunks[0].rest_s)
        sent += ' (none: it ended)' if sent and not chunk.sent else ''
        cells = [sent, *others,
                 *(_cells(point, points[0].rest_s) if point else ('', '', ''))]
        rows.append(f'| {chunk.fault.name} | {" | ".join(cells)} |')
    return rows


def _cells(outcome, braking_s):
    """Return when the arm was stopped, when at rest, and whether the policy was armed then."""
    fault = outcome.fault
    ends = fault.then in (Then.ENDS, Then.UNWATCHED, Then.RAN_OUT)
    return (_of(outcome.detection_s, fault.stops_within_s),
            _of(outcome.rest_s, longest_rest_s(fault, braking_s)),
            'ended' if ends else 'yes' if outcome.armed else 'no')


def _of(time_s, limit_s):
    # What brakes by itself may be at rest before it is told to be.
    return '' if time_s is None else f'{1e3 * max(0.0, time_s):.0f} of {1e3 * limit_s:.0f} ms'
