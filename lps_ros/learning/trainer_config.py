"""Settings of a training run, from defaults, a preset, a YAML file and overrides."""

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import Literal

from lps_ros.data.chunks import Failures
from lps_ros.joining import JOIN_STEPS
from lps_ros.learning.algorithms import ALGORITHMS
from lps_ros.learning.algorithms.algorithm import AlgorithmConfig
from lps_ros.learning.algorithms.lps import LPSConfig
from lps_ros.learning.errors import ConfigError
from lps_ros.learning.schedule import Schedule
from lps_ros.learning.settings import build
from lps_ros.learning.settings import names
from lps_ros.learning.settings import unknown
import yaml

_MOST = 1e9
RANGES = {
    'steps': (1, _MOST), 'batch_size': (4, 65536), 'seed': (0, 2**32 - 1), 'threads': (0, 256),
    'candidates': (1, 1024), 'strength': (0, 1), 'replan_every': (0, 1000),
    'join_steps': (0, 100), 'join_weight': (0, 1e6),
    'log_every': (1, _MOST), 'checkpoint_every': (1, _MOST), 'observation_noise': (0, 10),
    'augment_padding': (0, 256), 'augment_probability': (0, 1),
    'horizon': (1, 1000), 'discount': (0, 1), 'decoder_widths': (1, 65536),
    'critic_widths': (1, 65536), 'latent_actor_widths': (1, 65536), 'critics': (1, 64),
    'lr': (1e-12, 1), 'warm_up': (0, 0.5), 'final_lr': (0, 1), 'gradient_clip': (0, 1e6),
    'alpha': (0, 1e6), 'tau': (0, 1), 'flow_ratio': (0, 1), 'flow_steps': (1, 1000),
    'actor_widths': (1, 65536), 'target_candidates': (0, 1024), 'expectile': (0, 1),
    'unconditional_weight': (0, 1e6), 'guidance': (0, 1000)}
# How a policy is run; in a preset that of LPS, other algorithms keep their own way.
STEERING = ('mode', 'candidates', 'strength', 'replan_every', 'join', 'join_steps', 'join_weight')
PRESETS: dict[str, dict[str, Any]] = {
    # Im et al. 2026, state-based OGBench.
    'published': {
        'decoder_widths': (512,) * 4, 'critic_widths': (256,) * 4,
        'latent_actor_widths': (256,) * 2, 'lr': 3e-4, 'lr_schedule': 'constant',
        'steps': 1_000_000, 'mode': 'steered', 'candidates': 1, 'replan_every': 0},
    # The same, two cameras on a Franka.
    'published_robot': {
        'decoder': 'dit_small', 'critic_widths': (512,) * 4, 'latent_actor_widths': (512,) * 2,
        'encoder': 'impala', 'lr': 3e-4, 'warm_up': 0.01, 'final_lr': 0.1, 'gradient_clip': 1.0,
        'steps': 10_000, 'mode': 'steered', 'candidates': 1, 'replan_every': 0},
    # One or two small frames.
    'camera': {
        'encoder': 'impala_compact', 'shared_encoder': True, 'batch_size': 128, 'steps': 25_000,
        'augment_padding': 2},
}


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """What defines a training run."""

    algorithm: str = 'lps'  # its name, and its own settings in `learner`
    steps: int = 9000  # updates
    batch_size: int = 256  # chunks
    lr_schedule: Schedule = 'cosine'  # down to final_lr, or constant
    warm_up: float = 0.0  # share of the steps in which the learning rate rises from 0
    final_lr: float = 0.0  # share of the learning rate at the end of the cosine
    observation_noise: float = 0.0  # standard deviations of the data
    augment_padding: int = 3  # pixels by which a random crop may move a frame; 0: no crops
    augment_probability: float = 0.5  # of crops, for all frames of a batch together
    failures: Failures = 'unused'  # of the operator: unused, valued (by critics only), cloned
    observations: tuple[str, ...] = ()  # contract keys, also of images; empty: all but images
    start_from: str = ''  # policy bundle to fine-tune; empty: random weights
    seed: int = 0  # of weights, batches, latents and noise
    device: str = 'cpu'  # or 'cuda', 'cuda:1'
    threads: int = 1  # of torch on the CPU; 0: leave as it is
    precision: Literal['float32', 'bfloat16'] = 'float32'  # of products within the losses
    compile: bool = False  # let torch.compile fuse the losses; takes minutes at the start
    cuda_graph: bool = True  # replay an update as one launch, on a GPU
    log_every: int = 50  # updates
    checkpoint_every: int = 1000  # updates
    mode: Literal['steered', 'prior'] = 'prior'  # how the bundle is run: where latents come from
    candidates: int = 4  # how the bundle is run: latents per plan, the best by Q is taken
    strength: float = 1.0  # how the bundle is run: steered from the prior (0) to what is learnt
    replan_every: int = 2  # how the bundle is run: ticks between plans; 0: the whole chunk
    join: Literal['replace', 'ensemble', 'latent'] = 'ensemble'  # how the bundle is run
    join_steps: int = JOIN_STEPS  # how the bundle is run: of 'latent', gradient steps
    join_weight: float = 1.0  # how the bundle is run: of 'latent', agreement against value
    learner: AlgorithmConfig = field(default_factory=LPSConfig)

    @classmethod
    def from_mapping(
            cls, values: Mapping[str, Any], source: str = 'settings') -> 'TrainerConfig':
        """
        Build from flat settings: fields of this class, of the algorithm's, and `preset`.

        Values may be strings, as a command line gives them. Raises ConfigError.
        """
        values = dict(values)
        preset = values.pop('preset', None)
        if preset is not None and preset not in PRESETS:
            raise ConfigError(f'{source}: preset: found {preset!r}, expected one of '
                              f'{", ".join(PRESETS)}')
        algorithm = str(values.get('algorithm', cls.algorithm))
        if algorithm not in ALGORITHMS:
            raise ConfigError(f'{source}: algorithm: found {algorithm!r}, expected one of '
                              f'{", ".join(ALGORITHMS)}')
        kind = ALGORITHMS[algorithm]
        own = [name for name in names(cls) if name != 'learner']
        theirs = names(kind.config_type)
        chosen = {
            name: value for name, value in PRESETS.get(preset, {}).items()
            if name in theirs or name in own and (name not in STEERING or algorithm == 'lps')}
        values = dict(kind.steering) | chosen | values
        for name in values:
            if name not in own and name not in theirs:
                raise unknown(name, own + theirs, source)
        learner = build(kind.config_type, {
            name: values.pop(name) for name in theirs if name in values}, RANGES, source)
        config = replace(build(cls, values, RANGES, source), learner=learner)
        if config.candidates > 1 and not kind.has_critic:
            raise ConfigError(f'{source}: candidates: found {config.candidates}, expected 1: '
                              f'{algorithm} has no critic to choose by')
        if config.join == 'latent' and config.candidates == 1 and not config.join_steps:
            raise ConfigError(f"{source}: join_steps: found 0, expected 1 to 100: join 'latent' "
                              'of one candidate has nothing to choose from')
        if algorithm == 'best_of_n' and not learner.target_candidates:
            raise ConfigError(f'{source}: target_candidates: found 0, expected 1 to 1024: '
                              'best_of_n has no actor whose latent the target could take')
        if config.failures == 'valued' and not kind.has_critic:
            raise ConfigError(f"{source}: failures: found 'valued', expected unused or cloned: "
                              f'{algorithm} has no critic to learn from them')
        return config

    @classmethod
    def from_yaml(cls, path: str | Path, **overrides: Any) -> 'TrainerConfig':
        """Load a YAML mapping of settings; `overrides` win. Raises ConfigError."""
        try:
            values = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
        except OSError as error:
            raise ConfigError(f'{path}: cannot read ({error.strerror}); '
                              'give a YAML file of settings') from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            line = ' '.join(str(error).split())
            raise ConfigError(f'{path}: is not YAML: {line}; correct it') from error
        except RecursionError:
            raise ConfigError(f'{path}: found lists or mappings nested hundreds of levels deep, '
                              'expected settings; correct the brackets') from None
        if not isinstance(values, dict | None):
            raise ConfigError(f'{path}: found {type(values).__name__}, expected a mapping of '
                              "settings, such as 'steps: 9000'")
        return cls.from_mapping((values or {}) | overrides, str(path))

    def flat(self) -> dict[str, Any]:
        """Return all settings in one level, ready for JSON."""
        values = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in (values | values['learner']).items() if name != 'learner'}
