"""What the policy node tells of every tick and of a run."""

from datetime import datetime
from datetime import timedelta
import json
import re
import time

from lps_ros.contract import load_contract
from policy_harness import CONTRACT
from policy_harness import FAULTY
from policy_harness import PolicyProcess
from policy_harness import Robot
import pytest
from std_msgs.msg import String

pytestmark = pytest.mark.timing


def test_every_tick_is_told_and_a_run_ends_with_a_report(tmp_path, ros_domain):
    began_s = time.time()
    process = PolicyProcess(
        FAULTY, tmp_path / 'log', ros_domain, bundle='good', report_dir=tmp_path / 'runs',
        autostart=True, replan_every=1, mode='prior', candidates=3, strength=0.25,
        join='latent', join_steps=2, seed=7)
    robot = Robot(process, ros_domain)
    try:
        ticks = []
        robot.node.create_subscription(
            String, 'policy/tick', lambda message: ticks.append(json.loads(message.data)), 100)
        timer = robot.stream()
        robot.until(lambda: sum(tick['source'] == 'policy' for tick in ticks) > 20)
        robot.node.destroy_timer(timer)
        robot.until(lambda: ticks[-1]['source'] == 'none')
        acted = [tick for tick in ticks if tick['source'] == 'policy']
        assert {tick['index'] for tick in acted} <= set(range(20))
        assert all(tick['index'] is not None and tick['plan_s'] < 1.0 and tick['q'] is None
                   and set(tick['age_s']) == {'joints', 'gripper', 'tool', 'cube'}
                   for tick in acted)
        assert 'old by its' in ticks[-1]['reasons'][0]['text']
        numbers = [tick['tick'] for tick in ticks]
        assert numbers == sorted(set(numbers))
        process.signal(2)
        assert process.wait() == 0
    finally:
        robot.close()
        process.close()
    page, figures = sorted((tmp_path / 'runs').iterdir())
    told = json.loads(figures.read_text('utf-8'))
    seen = load_contract(CONTRACT).subset(['joints', 'gripper', 'tool', 'cube'])
    began = datetime.strptime(told['run'].pop('started'), '%Y-%m-%dT%H:%M:%S%z')
    assert began_s - 1 < began.timestamp() < time.time() and began.utcoffset() == timedelta(0)
    assert told['run'] == {
        'bundle': 'good', 'mode': 'prior', 'candidates': 3, 'strength': 0.25, 'replan_every': 1,
        'join': 'latent', 'join_steps': 2, 'join_weight': 1.0, 'seed': 7, 'shadow': False,
        'contract': seen.name, 'data_hash': seen.data_hash}
    assert told['ticks'] >= len(ticks) and told['acted'] >= len(acted)
    assert any('old by its' in reason['text'] for reason in told['reasons'])
    assert told['longest_gap']['why']
    text = page.read_text('utf-8')
    assert '<svg' in text or 'data:image/png' in text
    assert not re.search(r'(src|href)="https?://', text)
    assert 'Traceback' not in process.log()
    assert 'longest gap between commands' in process.log()
