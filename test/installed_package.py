"""The package built and installed by colcon, and what runs from there."""

import os
from pathlib import Path
import subprocess
import sys

import lps_ros

ROOT = Path(lps_ros.__file__).resolve().parents[1]


def build(folder):
    """Build the package with colcon below a folder; return the install folder."""
    built = subprocess.run(
        [Path(sys.executable).parent / 'colcon', '--log-base', 'log', 'build', '--paths', ROOT],
        cwd=folder, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stderr
    return folder / 'install'


def start_installed(installed, command, output=subprocess.PIPE):
    """Start a shell command with the installed package's environment; return the process."""
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    return subprocess.Popen(
        ['sh', '-c', f'. {installed}/local_setup.sh && exec {command}'], cwd=installed,
        env={**os.environ, 'PATH': path}, stdout=output, stderr=subprocess.STDOUT, text=True)
