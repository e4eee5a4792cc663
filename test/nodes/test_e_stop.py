"""What the e-stop makes of messages that arrive twice, late or in another order."""

import time

from hypothesis import given
from hypothesis import strategies as st
from lps_ros.nodes.e_stop import EStop
import pytest
from std_msgs.msg import Bool


class _Node:
    """Keeps what is heard; how many publish is set by the test."""

    publishers = 1

    def __init__(self):
        self.callbacks, self.log = [], []

    def resolve_topic_name(self, topic):
        return f'/arm/{topic}'

    def create_subscription(self, _, topic, callback, *__, **___):
        self.callbacks.append(callback)

    def count_publishers(self, topic):
        assert topic == '/arm/e_stop'
        return self.publishers

    def get_logger(self):
        return self

    def warning(self, line, **_):
        self.log.append(line)


class _Rig:
    def __init__(self):
        self.node, self.told = _Node(), []
        self.e_stop = EStop(self.node, 'e_stop', self.told.append)

    def hear(self, pressed, sent_ns, subscription=0):
        self.node.callbacks[subscription](
            Bool(data=pressed),
            {'source_timestamp': sent_ns, 'publication_sequence_number': sent_ns})
        return self.e_stop.pressed


@pytest.fixture
def rig():
    return _Rig()


def test_a_press_counts_once_however_often_it_arrives(rig):
    assert rig.hear(True, 1)
    assert not rig.hear(False, 2)
    for subscription in (1, 2):
        assert not rig.hear(True, 1, subscription)
        assert not rig.hear(False, 2, subscription)
    assert rig.told == [True, False]
    assert rig.hear(True, 3)


def test_a_release_that_arrives_late_does_not_undo_a_newer_press(rig):
    rig.hear(True, 1)
    rig.hear(False, 2)
    assert rig.hear(True, 3)
    assert rig.hear(True, 1, 1) and rig.hear(False, 2, 1) and rig.hear(True, 3, 1)
    assert not rig.hear(False, 4)


def test_a_release_from_before_the_press_is_told_once(rig):
    rig.hear(False, 1_000_000_000)
    rig.hear(True, 3_500_000_000)
    # This one has been heard before; only the other subscription is late.
    assert rig.hear(False, 1_000_000_000, 1)
    assert rig.node.log == []
    assert rig.hear(False, 2_000_000_000)
    assert rig.hear(False, 2_000_000_000, 1)
    line, = rig.node.log
    assert 'sent 1.5 s before the press' in line


def test_a_press_that_the_first_subscription_has_lost_is_not(rig):
    rig.hear(False, 2)
    assert rig.hear(True, 1, 1)
    assert not rig.hear(False, 2, 1)
    assert rig.told == [True, False]


def test_a_publisher_that_is_discovered_late_is_waited_for(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(time, 'monotonic', lambda: now_s[0])
    monkeypatch.setattr(time, 'sleep', lambda wait_s: now_s.append(now_s.pop() + wait_s))
    rig = _Rig()
    now_s[0] += 1.0
    monkeypatch.setattr(
        rig.e_stop, 'listen', lambda: now_s[0] > 103.5 and rig.hear(True, 1, subscription=2))
    rig.e_stop.wait_for_discovery()
    assert rig.e_stop.pressed and now_s[0] == pytest.approx(105.0, abs=0.02)
    # Later nothing is waited for.
    rig.e_stop.wait_for_discovery()
    assert now_s[0] == pytest.approx(105.0, abs=0.02)


def test_the_wait_for_publishers_can_be_given_up(rig, monkeypatch):
    monkeypatch.setattr(rig.e_stop, 'listen', lambda: None)
    with pytest.raises(KeyError, match='enough'):
        rig.e_stop.wait_for_discovery(lambda: {}['enough'])


def test_a_middleware_without_stamps_loses_no_press(rig):
    for _ in range(2):
        assert rig.hear(True, 0)
        assert not rig.hear(False, 0)


def test_a_release_counts_where_one_publisher_is_left(rig):
    rig.node.publishers = 2
    rig.hear(True, 1)
    assert rig.hear(False, 2)
    line, = rig.node.log
    assert line.startswith(
        'a release of the e-stop does not count: 2 publish on the e-stop topic /arm/e_stop')
    for count in (1, 0):
        rig.hear(True, 3 - count)
        rig.node.publishers = count
        assert not rig.hear(False, 4)


@given(words=st.lists(st.booleans(), max_size=12), data=st.data())
def test_whatever_the_order_of_subscriptions_the_last_word_wins(words, data):
    """Best effort may lose anything; each subscription keeps the order of one publisher."""
    rig = _Rig()
    kept = [data.draw(st.booleans()) for _ in words]
    queues = [[each for each in enumerate(words, 1) if kept[each[0] - 1]],
              list(enumerate(words, 1)), list(enumerate(words, 1))]
    while any(queues):
        which = data.draw(st.sampled_from([i for i, queue in enumerate(queues) if queue]))
        sent_ns, pressed = queues[which].pop(0)
        rig.hear(pressed, sent_ns, which)
    assert rig.e_stop.pressed == bool(words and words[-1])
    # Every press was told of.
    assert rig.told.count(True) == sum(words)
