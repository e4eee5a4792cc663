"""What a replay prints, writes as JSON and shows on its page."""

from html.parser import HTMLParser
import json

from lps_ros.control.planning import Steering
from lps_ros.evaluation.replay import replay
from lps_ros.evaluation.replay_findings import findings
import pytest
from replay_recordings import contract
from replay_recordings import drive
from replay_recordings import operator
from replay_recordings import random_bundle
from replay_recordings import write_bag

CONTRACT = contract()
BUNDLE = random_bundle(CONTRACT)
POLICY = BUNDLE.policy
STEERING = Steering(mode='steered')


def replayed(folder, messages: list, **options):
    """Return the replay of these messages."""
    return replay(write_bag(folder / 'bag', messages, 'sqlite3'), BUNDLE,
                  bundle_name='models/arm', **options)


@pytest.fixture(scope='module')
def own(tmp_path_factory):
    """Return the replay of the policy's own run."""
    return replayed(tmp_path_factory.mktemp('own'),
                    drive(CONTRACT, seed=1, policy=POLICY, steering=STEERING))


@pytest.fixture(scope='module')
def gaps(tmp_path_factory):
    """Return the replay of an operator's run with gaps in the input."""
    return replayed(tmp_path_factory.mktemp('gaps'), drive(
        CONTRACT, seed=2, command=operator(2),
        leave_out=lambda topic, tick: topic == 'tool_pose' and tick > 50))


def test_first_comes_what_matters_before_the_arm_moves(own, gaps):
    lines = own.text().splitlines()
    assert 'through models/arm: 1 episode, 60 ticks, 3.0 s' in lines[0]
    assert lines[1].startswith(
        'steered, best of 1, a plan every 5 of 5 ticks, join: ensemble, contract point_arm')
    assert lines[3] == 'ok  Input was fit to act on at 60 of 60 ticks.'
    assert any("this is the policy's own run" in line and line.startswith('ok')
               for line in lines[3:12])
    lines = gaps.text().splitlines()
    assert lines[3] == ('!!  Input was fit to act on at 52 of 60 ticks, at the others the node '
                        'would have stopped: tool stale at 8.')
    assert not any("policy's own run" in line for line in lines)


def test_every_table_is_printed_with_all_dimensions(gaps):
    text = gaps.text()
    for title in ('Input:', 'As executed:', 'Open loop:', 'Critics:'):
        assert title in text
    for name in gaps.figures['dimensions']:
        assert sum(line.startswith(name) for line in text.splitlines()) == 2


def test_a_warning_for_each_kind_of_trouble(own):
    figures = json.loads(json.dumps(own.figures))
    assert all(good is not False or 'limits change' in text for good, text in findings(figures))
    figures['input']['cube'].update(missing_ticks=2, unfit_ticks=1)
    figures['as_executed'].update(refused={'planning failed: x': 3}, largest_change=[9, 0, 0, 0])
    figures['unfamiliar'] = {'ticks': 7, 'farthest': [
        {'name': 'tool.x', 'ticks': 7, 'beyond': 0.4}]}
    figures['planning']['p99_ms'] = 70.0
    warnings = [text for good, text in findings(figures) if good is False]
    for part in ('cube missing at 2, cube unfit at 1', 'at 3 ticks: planning failed: x',
                 'twist.linear.x 9.00 m/s', 'at 7 ticks, farthest in tool.x: by 40 %',
                 '70.0 ms) of the 50.0 ms'):
        assert any(part in text for text in warnings)


def test_nothing_to_compare_is_said(tmp_path):
    aged = contract(('elbow]\n    max_age_s: 0.1', 'elbow]\n    max_age_s: 0.0005'))
    report = replayed(tmp_path, drive(CONTRACT, seed=2, command=operator(2)), contract=aged)
    assert '!!  At no tick do both the policy and the recording command.' in report.text()
    report.write_html(tmp_path / 'page.html')
    report.write_json(tmp_path / 'figures.json')
    figures = json.loads((tmp_path / 'figures.json').read_text(encoding='utf-8'))
    assert figures['as_executed']['rmse'] == [None] * 4


def test_json_holds_the_figures(own, tmp_path):
    path = tmp_path / 'figures.json'
    own.write_json(path)
    figures = json.loads(path.read_text(encoding='utf-8'),
                         parse_constant=lambda name: pytest.fail(f'{name} is no JSON'))
    assert figures['schema_version'] == 1
    assert figures['horizon'] == len(figures['open_loop']['rmse_per_step']) == 5
    assert max(figures['as_executed']['max_abs']) < 1e-9
    assert figures['input']['cube']['stale_ticks'] == 0
    assert set(figures['q']['policy']) == {'min', 'mean'}


def test_page_shows_tables_and_plots(gaps, tmp_path):
    class Page(HTMLParser):
        tables, images, text = 0, 0, ''

        def handle_starttag(self, tag: str, attrs: list) -> None:
            self.tables += tag == 'table'
            self.images += tag == 'img'

        def handle_data(self, data: str) -> None:
            self.text += data

    path = tmp_path / 'page.html'
    gaps.write_html(path)
    page = Page()
    page.feed(path.read_text(encoding='utf-8'))
    assert (page.tables, page.images) == (5, 2)
    assert 'tool stale at 8' in page.text
    assert 'twist.angular.z' in page.text
