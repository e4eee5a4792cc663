"""`lps train` on recorded episodes: every algorithm, and the ways to end it."""

from pathlib import Path
import signal
import subprocess
import sys
import time

from data_samples import CONTRACT
from data_samples import marked
from data_samples import record
from lps_ros.cli.main import main
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.checkpoint import NAME
import pytest

PATIENCE_S = 60.0


@pytest.fixture
def arguments(tmp_path):
    """Return the command up to its settings, on three recorded episodes."""
    contract = tmp_path / 'arm.yaml'
    contract.write_text(CONTRACT)
    for ticks in (20, 25, 30):
        record(tmp_path / 'dataset', marked(ticks))
    return ['train', '--contract', str(contract), '--dataset', str(tmp_path / 'dataset'),
            '--run', str(tmp_path / 'run'), '--set', 'batch_size=8', 'decoder_widths=8',
            'log_every=2']


@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_every_algorithm_trains_from_recordings_to_a_bundle(arguments, tmp_path, algorithm):
    assert main([*arguments, f'algorithm={algorithm}', 'steps=4']) == 0
    bundle = load_bundle(tmp_path / 'run' / 'bundle')
    assert bundle.metadata['algorithm']['name'] == algorithm


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_being_asked_to_end_leaves_a_checkpoint(arguments, tmp_path, how):
    process = start(arguments)
    process.send_signal(how)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert 'go on with --resume' in output
    assert (tmp_path / 'run' / NAME).exists()


def test_under_nohup_training_outlives_its_terminal(arguments, tmp_path):
    process = start(arguments, ignored=signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130


def start(arguments, ignored=None):
    """Start a training that would not end, and wait until it is under way."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'lps_ros.cli.main', *arguments, 'steps=100000000'],
        stdout=subprocess.PIPE, text=True,
        preexec_fn=None if ignored is None else lambda: signal.signal(ignored, signal.SIG_IGN))
    log = Path(arguments[arguments.index('--run') + 1]) / 'tensorboard'
    end_s = time.monotonic() + PATIENCE_S
    while not any(log.glob('events*')):
        assert process.poll() is None and time.monotonic() < end_s
        time.sleep(0.05)
    return process

