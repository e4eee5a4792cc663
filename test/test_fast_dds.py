"""The Fast DDS profile: what it grants, when a process takes it, and what becomes of the nodes."""

import os
from types import SimpleNamespace
from xml.etree import ElementTree

from lps_ros import fast_dds
from lps_ros.cli.main import main
from lps_ros.fast_dds import image_profile
from lps_ros.fast_dds import PROFILE_VARIABLES
from lps_ros.fast_dds import transport_variables
from lps_ros.fast_dds import use_image_profile
from lps_ros.nodes import recorder_node
import pytest


@pytest.fixture
def environment(monkeypatch):
    """Return a copy of the environment without a profile, in force during the test."""
    monkeypatch.setattr(os, 'environ', {
        name: value for name, value in os.environ.items() if name not in PROFILE_VARIABLES})
    return os.environ


def given(environment):
    """Return what the environment says of profiles."""
    return {name: environment[name] for name in PROFILE_VARIABLES if name in environment}


def test_the_profile_holds_many_images_in_shared_memory_and_on_the_network():
    root = ElementTree.parse(image_profile()).getroot()
    sizes = {element.tag.split('}')[-1]: int(element.text) for element in root.iter()
             if element.tag.lower().endswith('size')}
    frame = 640 * 480 * 3
    assert sizes['segment_size'] > 10 * frame
    assert sizes['maxMessageSize'] > 4 * frame
    assert sizes['receiveBufferSize'] > 4 * frame


def test_a_process_takes_the_profile_under_the_names_of_both_versions(environment):
    assert use_image_profile() is None
    assert given(environment) == dict.fromkeys(PROFILE_VARIABLES, str(image_profile()))


@pytest.mark.parametrize('name', PROFILE_VARIABLES)
def test_a_users_own_profile_stays(environment, name):
    environment[name] = 'mine.xml'
    assert use_image_profile() is None
    assert given(environment) == {name: 'mine.xml'}


def test_the_choice_of_the_default_leaves_no_profile_to_fast_dds(environment):
    environment.update(transport_variables('default'))
    assert use_image_profile() is None
    assert given(environment) == {}


def test_the_choice_of_the_profile_leaves_a_users_own_in_force(environment):
    environment['FASTRTPS_DEFAULT_PROFILES_FILE'] = 'mine.xml'
    environment.update(transport_variables('images'))
    use_image_profile()
    assert given(environment) == {'FASTRTPS_DEFAULT_PROFILES_FILE': 'mine.xml'}


def test_where_shared_memory_is_short_the_profile_is_left_out_and_said_so(
        environment, monkeypatch):
    def filled(path):
        return SimpleNamespace(f_bavail=5_000, f_frsize=4096)

    monkeypatch.setattr(fast_dds.os, 'statvfs', filled)
    assert '/dev/shm has 20 MB free, expected 36' in use_image_profile()
    assert given(environment) == {}


@pytest.mark.parametrize('option, expected', [
    ((), str(image_profile())), (('--transport', 'images'), str(image_profile())),
    (('--transport', 'default'), None)])
def test_a_command_passes_the_choice_to_its_node(environment, monkeypatch, option, expected):
    def node(arguments):
        use_image_profile()
        return 0

    monkeypatch.setattr(recorder_node, 'main', node)
    assert main(['record', '--contract', 'c.yaml', '--dataset', 'd', *option]) == 0
    assert given(environment) == (dict.fromkeys(PROFILE_VARIABLES, expected) if expected else {})
