"""A service call whose first answer is lost."""

from types import SimpleNamespace

from lps_ros.nodes import question
from lps_ros.nodes.question import Question
import pytest


class SilentAtFirst:
    """A client whose first request is never answered."""

    def __init__(self):
        self.requests = []

    def call_async(self, request):
        self.requests.append(request)
        answered = len(self.requests) > 1
        return SimpleNamespace(done=lambda: answered, result=lambda: 'yes')


@pytest.mark.parametrize('repeat', [True, False])
def test_asks_again_only_where_asking_twice_does_no_harm(monkeypatch, repeat):
    now_s = [0.0]
    monkeypatch.setattr(question.time, 'monotonic', lambda: now_s[0])
    client = SilentAtFirst()
    asked = Question(client, 'please', repeat=repeat)
    assert not asked.answered()
    now_s[0] = 3.5
    assert asked.answered() is repeat
    assert client.requests == ['please'] * (1 + repeat)
    if repeat:
        assert asked.answer == 'yes'
