"""The HTML page: one file, nothing loaded from elsewhere, everything escaped."""

import base64
from html.parser import HTMLParser
import re

import cv2
from lps_ros.evaluation.comparison import EpisodeResult
from lps_ros.evaluation.plots import commands_over_time
from lps_ros.evaluation.plots import error_per_chunk_step
from lps_ros.evaluation.plots import success_over_time
from lps_ros.evaluation.report import Report
import numpy as np
import pytest


class Page(HTMLParser):
    """Collects tags, links and text, and checks that every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.sources, self.text = [], [], ''
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in ('meta', 'img'):
            self.open.append(tag)
        self.sources += [value for name, value in attrs if name in ('src', 'href')]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def picture(source: str) -> np.ndarray:
    """Return the pixels (h, w, 3) RGB of a data URL."""
    data = base64.b64decode(source.split(',', 1)[1])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def results(step: int | None) -> list:
    """Return one episode that succeeded and was placed at a step."""
    return [EpisodeResult(seed=0, success=bool(step), placed=bool(step), success_step=step,
                          placed_step=step, steps=200, sim_time_s=10.0)]


def test_page_holds_its_parts_and_loads_nothing():
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, :, 0] = 200
    html = (Report('Demo <1>').heading('Fig & ures').paragraph('90 % ± 2 <b>')
            .table(['arm', 'a<b'], [['prior', 1], ['steered', '<2>']], 'cap').code('lps demo')
            .findings([(True, 'fine'), (False, 'stale')])
            .plot(success_over_time({'prior': results(None), 'steered': results(40)},
                                    rate_hz=20.0, full_steps=200), 'success')
            .pictures([frame, frame], ['start', 'end']).html())
    page = Page(html)
    assert all(source.startswith('data:image/') for source in page.sources)
    without_pictures = re.sub(r'base64,[A-Za-z0-9+/=]+', '', html)
    assert not re.search(r'//\w|@import|<script', without_pictures)
    for text in ('Demo <1>', 'Fig & ures', '90 % ± 2 <b>', '<2>', 'lps demo', 'stale', 'end'):
        assert text in page.text
    plot, first, second = [picture(source) for source in page.sources]
    assert plot.shape[1] > 600
    assert plot.min() < 100 < plot.max()
    assert first.shape == second.shape == (48, 64, 3)
    assert np.allclose(first.reshape(-1, 3).mean(axis=0), (200, 0, 0), atol=4)


def test_writing_replaces_the_whole_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / 'sub' / 'page.html'
    Report('one').write(path)
    assert Report('two – ü').write(path) == path
    assert '<h1>two – ü</h1>' in path.read_text(encoding='utf-8')
    assert list(path.parent.iterdir()) == [path]


def test_pictures_refuse_what_is_no_picture():
    with pytest.raises(ValueError, match=r'shape \(4, 4\), float64: expected \(h, w, 3\) uint8'):
        Report('x').pictures([np.zeros((4, 4))])


@pytest.mark.parametrize('size', [1, 4])
def test_plots_of_any_number_of_dimensions(size):
    names, units = [f'action.{i}' for i in range(size)], ['m/s'] * size
    error = error_per_chunk_step(np.zeros((5, size)), names, units)
    policy = np.full((20, size), np.nan)
    commands = commands_over_time(np.arange(20) / 20.0, np.ones((20, size)), policy, names, units)
    for figure in (error, commands):
        shown = [axis.get_title() for axis in figure.axes if axis.get_visible()]
        assert shown == names
        assert len(Page(Report('x').plot(figure).html()).sources) == 1


def test_success_curve_ends_at_the_success_rate():
    arms = {'steered': results(40) + results(None), 'empty': []}
    figure = success_over_time(arms, rate_hz=20.0, full_steps=200)
    curve, nothing = figure.axes[0].lines
    assert curve.get_xdata().tolist() == [0.0, 2.0, 10.0]
    assert curve.get_ydata().tolist() == [0.0, 50.0, 50.0]
    assert nothing.get_ydata().max() == 0.0
