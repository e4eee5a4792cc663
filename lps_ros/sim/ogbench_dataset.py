"""OGBench's data sets as columns, with the rewards of one task as OGBench relabels them."""

from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
import hashlib
from pathlib import Path
import sys
from typing import Literal
from zipfile import BadZipFile
import zlib

from lps_ros.errors import UserError
from lps_ros.sim.ogbench_task import OGBenchTask
from lps_ros.sim.ogbench_task import seeded
import numpy as np
import ogbench
from ogbench.relabel_utils import relabel_dataset

Rewards = Literal['published', 'subgoals', 'sparse']
# Domains that Im et al. 2026 train with -1 until all is done, 0 then.
_SPARSE = ('scene', 'puzzle-3x3')
_LARGEST_ACTION = 1.0 + 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """
    N rows of E episodes; the last row of each only holds its final observation.

    observations (N, S), actions (N, A), rewards (N,) and masks (N,), 0 where the task is done:
    float32. offsets int64 (E + 1,).
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    masks: np.ndarray
    offsets: np.ndarray

    @property
    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that change with any number."""
        digest = hashlib.sha256()
        for array in vars(self).values():
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()[:16]


def find_dataset(task: OGBenchTask, folder: Path) -> Path:
    """
    Return the file of a task's data in a folder, downloaded by OGBench where it is missing.

    :raises UserError: where it can be neither found nor downloaded
    """
    path = folder.expanduser() / f'{task.dataset}.npz'
    if not path.exists():
        try:
            with redirect_stdout(sys.stderr):
                ogbench.download_datasets([task.dataset], str(folder))
        except OSError as error:
            raise UserError(
                f'{path}: is not there, and cannot be downloaded ({error}); copy it there, or '
                f'make your own with lps bench ogbench-data --environment {task.dataset} '
                f'--output {path}') from error
    return path


def load_columns(task: OGBenchTask, path: Path, rewards: Rewards = 'published') -> Columns:
    """
    Read a data set and label it with the rewards of a task, as OGBench does.

    rewards: minus the number of unfinished sub-goals, or 'sparse', -1 until all are done; what
    was published is one or the other.

    :raises UserError: where the file is missing, or is not one of this environment's
    """
    if not path.is_file():
        raise UserError(f'{path}: found no such file; give the data of {task.dataset}, or make '
                        f'some with lps bench ogbench-data --environment {task.dataset} '
                        f'--output {path}')
    try:
        data = ogbench.load_dataset(str(path), compact_dataset=True, add_info=True)
        with seeded(task.env, 0):
            relabel_dataset(task.env.spec.id, task.env, data)
    except (KeyError, ValueError, OSError, EOFError, IndexError, BadZipFile,
            zlib.error) as error:
        raise UserError(f"{path}: is not a data set of {task.dataset} in OGBench's layout "
                        f'({type(error).__name__}: {error}); give another file') from error
    _check(data, task, path)
    sparse = rewards == 'sparse' or rewards == 'published' and task.dataset.startswith(_SPARSE)
    earned = data['rewards']
    return Columns(
        observations=data['observations'], actions=data['actions'],
        rewards=-(earned != 0).astype(np.float32) if sparse else earned, masks=data['masks'],
        offsets=np.concatenate(([0], np.flatnonzero(data['valids'] == 0) + 1)))


def _check(data: Mapping[str, np.ndarray], task: OGBenchTask, path: Path) -> None:
    found = data['observations'].shape[1:], data['actions'].shape[1:]
    expected = (task.observation_size,), (task.action_size,)
    if found != expected:
        raise UserError(f'{path}: observations and actions have shapes {found}, expected '
                        f'{expected}; give the data of {task.dataset}')
    lengths = {name: len(column) for name, column in data.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(f'{path}: its columns have different lengths {lengths}; the file is '
                        'damaged, copy it again')
    for name, column in data.items():
        values = column.reshape(len(column), -1)
        wrong = ~np.isfinite(values)
        if name == 'actions':
            wrong |= np.abs(values) > _LARGEST_ACTION
        if wrong.any():
            row, place = np.argwhere(wrong)[0]
            raise UserError(f'{path}: {name} has {values[row, place]} in row {row}, column '
                            f'{place}, expected finite numbers, and actions of -1 to 1; mend or '
                            'leave out that episode')
    if not len(data['valids']) or data['valids'][-1]:
        raise UserError(f'{path}: does not end with the end of an episode; the file is damaged, '
                        'copy it again')
