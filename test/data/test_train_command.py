"""`lps train` on recorded episodes: every algorithm, torchrun, and the ways to end it."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from data_samples import CONTRACT
from data_samples import marked
from data_samples import record
import h5py
from lps_ros.cli.main import main
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.bundle import load_bundle
from lps_ros.learning.checkpoint import NAME
from lps_ros.learning.checkpoint import read_progress
from lps_ros.learning.trainer import Trainer
import numpy as np
import pytest

PATIENCE_S = 60.0
FOREVER = 100_000_000
TORCHRUN = (sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
            '-m', '--', 'lps_ros.cli.main')
LOOPBACK = os.environ | {'GLOO_SOCKET_IFNAME': 'lo'}


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


def test_what_to_know_of_the_data_is_printed(arguments, monkeypatch, capsys):
    monkeypatch.setattr(Trainer, '_notes', lambda *_: ['3 % of arm.a are clipped'])
    assert main([*arguments, 'steps=4']) == 0
    assert capsys.readouterr().err.count('note: 3 % of arm.a are clipped\n') == 1


def test_a_frame_that_does_not_decode_is_one_line_and_keeps_the_checkpoint(
        arguments, tmp_path, capsys):
    dataset = tmp_path / 'pictures'
    record(dataset, marked(20, images=True))
    arguments[arguments.index('--dataset') + 1] = str(dataset)
    arguments += ['observations=joints,front', 'encoder=impala_debug', 'steps=2']
    assert main(arguments) == 0
    checkpoint = tmp_path / 'run' / NAME
    before = checkpoint.read_bytes()
    path = record(dataset, marked(20, images=True))
    with h5py.File(path, 'r+') as file:
        data = file['stream/front/data']
        data[...] = np.zeros_like(data[()])
    assert main([*arguments, '--resume']) == 1
    error = capsys.readouterr().err
    assert error.startswith(f'error: {path}: stream front: frame 0 does not decode')
    assert error.count('\n') == 1
    assert checkpoint.read_bytes() == before


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


@pytest.mark.parametrize('how', ['torchrun ends', 'one ends', 'one is killed'])
def test_processes_of_torchrun_end_together(arguments, tmp_path, how):
    torchrun = start([*arguments, 'checkpoint_every=2'], launcher=TORCHRUN)
    checkpoint = tmp_path / 'run' / NAME
    wait_for(checkpoint.exists, torchrun)
    if how == 'torchrun ends':
        torchrun.send_signal(signal.SIGTERM)
    else:
        os.kill(children(torchrun)[-1], signal.SIGTERM if how == 'one ends' else signal.SIGKILL)
    output, _ = torchrun.communicate(timeout=PATIENCE_S)
    assert torchrun.returncode != 0
    if how != 'one is killed':
        assert output.count('go on with --resume') == 1
    assert read_progress(checkpoint).step > 0


def test_processes_of_torchrun_tell_an_error_once(arguments):
    done = subprocess.run(
        [*TORCHRUN, *arguments, 'batch_size=10'], stderr=subprocess.PIPE, text=True,
        timeout=PATIENCE_S, env=LOOPBACK)
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith('error:')]
    assert len(lines) == 1
    assert 'batch_size: found 10, which 2 processes cannot share equally' in lines[0]


def children(process):
    """Return the ids of a process's children."""
    text = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text()
    return [int(number) for number in text.split()]


def wait_for(condition, process):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None and time.monotonic() < end_s
        time.sleep(0.05)


def start(arguments, ignored=None, launcher=(sys.executable, '-m', 'lps_ros.cli.main')):
    """Start a training that would not end, and wait until it is under way."""
    process = subprocess.Popen(
        [*launcher, *arguments, f'steps={FOREVER}'],
        stdout=subprocess.PIPE, text=True, env=LOOPBACK,
        preexec_fn=None if ignored is None else lambda: signal.signal(ignored, signal.SIG_IGN))
    log = Path(arguments[arguments.index('--run') + 1]) / 'tensorboard'
    wait_for(lambda: any(log.glob('events*')), process)
    return process

