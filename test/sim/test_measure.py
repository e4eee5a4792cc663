import json

from lps_ros.sim import measure


def test_measures_what_the_readme_states(monkeypatch):
    monkeypatch.setattr(measure, '_DIRECTIONS', (1,))
    monkeypatch.setattr(measure, '_FRACTIONS', (1.0,))
    figures = json.loads(json.dumps(measure.measure_tracking()))
    assert len(figures['tracking']) == 4
    for row in figures['tracking']:
        share = row['measured'] / row['commanded']
        assert (0.15 if row['axis'] == 'yaw' else 0.3) < share < 0.6
    assert all(row['drift_mm'] < 5.0 for row in figures['hold'])
    for row in figures['braking']:
        assert row['speed'] > 0.3
        assert row['time_s'] < (0.2 if row['by'] == 'zero twist' else 0.5)
    text = measure.format_tracking(figures)
    assert '+1.0 -> +0.4' in text and 'frozen targets' in text
