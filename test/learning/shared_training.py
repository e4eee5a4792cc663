"""Runs that one process and several are to end alike; as a script it is one of several."""

from itertools import count
import json
import os
from pathlib import Path
import sys
from threading import Event

from image_samples import image_cache
from image_samples import SEEING
from learning_samples import cache
from learning_samples import contract
from learning_samples import SMALL
from learning_samples import use_cache
from lps_ros.learning import distributed
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.settings import names
from lps_ros.learning.trainer import Trainer
from lps_ros.learning.trainer_config import TrainerConfig
import pytest
import torch

STEPS, HALF = 8, 4
ENDS = 'ends.json'
_CAMERA = {**SEEING, 'observation_noise': 0.1, 'augment_probability': 0.7}
RUNS = {
    'lps': {},
    'noise': {'observation_noise': 0.1, 'gradient_clip': 0.3},
    'best_of_n': {'algorithm': 'best_of_n'},
    'dsrl': {'algorithm': 'dsrl'},
    'qc_fql': {'algorithm': 'qc_fql', 'actor_widths': (32,)},
    'qc_mfql': {'algorithm': 'qc_mfql'},
    'cfgrl': {'algorithm': 'cfgrl'},
    'flow_bc': {'algorithm': 'flow_bc'},
    'camera': _CAMERA,
    'cameras_apart': {**_CAMERA, 'shared_encoder': False, 'algorithm': 'qc_fql'},
    'resumed': {'gradient_clip': 0.3},
    'begun': {'observation_noise': 0.1},
}


def stop_at(step):
    """Return a callback and an event that it sets at this update."""
    stop = Event()

    def callback(progress):
        if progress['phase'] == 'training' and progress['step'] >= step:
            stop.set()
    return callback, stop


def train(folder, name, resume=False, until=STEPS, **changes):
    """Do one of the runs up to an update and return its result."""
    settings = {'steps': STEPS, 'log_every': 4, **RUNS.get(name, {}), **changes}
    kind = ALGORITHMS[settings.get('algorithm', 'lps')]
    sizes = {name: size for name, size in SMALL.items()
             if name in names(TrainerConfig) + names(kind.config_type)}
    chosen = TrainerConfig.from_mapping(sizes | settings)
    with pytest.MonkeyPatch.context() as patch:
        use_cache(patch, image_cache(8) if 'encoder' in settings else cache())
        trainer = Trainer(chosen, 'dataset', contract(), folder / name, resume=resume)
        return trainer.run(*stop_at(until))


def diverge(folder):
    """Train with an optimiser that breaks the weights of the second process after update 6."""
    updates = count(1)
    step = torch.optim.Adam.step

    def poisoned(self, *arguments):
        step(self, *arguments)
        if next(updates) == 6 and not distributed.is_first():
            self.param_groups[0]['params'][0].data.fill_(float('nan'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, 'step', poisoned)
        train(folder, 'diverged', until=12, steps=12, checkpoint_every=4)


def outcome(work, *arguments, **options):
    """Return how work ended, in words."""
    try:
        work(*arguments, **options)
    except (Exception, SystemExit) as error:
        return f'{type(error).__name__}: {error}'
    return 'done'


def main(folder):
    """Do all the runs, and what is to fail; write how each ended and the threads that are left."""
    with distributed.joined():
        ends = {name: outcome(train, folder, name, resume=name == 'resumed',
                              until=HALF if name == 'begun' else STEPS) for name in RUNS}
        ends['refused'] = outcome(train, folder, 'refused', batch_size=10)
        ends['diverged'] = outcome(diverge, folder)
        # Until here they have to be in step.
        everyone = distributed.gathered(ends)
        if distributed.is_first():
            (folder / ENDS).write_text(json.dumps(everyone))
    threads = [path.read_text().strip() for path in Path('/proc/self/task').glob('*/comm')]
    (folder / f"{os.environ['RANK']}.threads").write_text(json.dumps(threads))


if __name__ == '__main__':
    main(Path(sys.argv[1]))
