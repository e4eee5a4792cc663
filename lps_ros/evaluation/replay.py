"""Passes recordings through a policy without moving anything."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
import json
import math
from pathlib import Path
import tempfile
from typing import Any

from lps_ros.contract import ActionCodec
from lps_ros.contract import Contract
from lps_ros.contract import differences
from lps_ros.contract import ObservationEncoder
from lps_ros.control.planning import Steering
from lps_ros.data import DataError
from lps_ros.data import EpisodeError
from lps_ros.data.episode import Episode
from lps_ros.data.files import write_text
from lps_ros.errors import UserError
from lps_ros.evaluation.episode_replay import EpisodeReplay
from lps_ros.evaluation.episode_replay import replay_episode
from lps_ros.evaluation.replay_figures import action_units
from lps_ros.evaluation.replay_figures import doubt_figures
from lps_ros.evaluation.replay_figures import executed_figures
from lps_ros.evaluation.replay_figures import familiarity_figures
from lps_ros.evaluation.replay_figures import input_figures
from lps_ros.evaluation.replay_figures import open_loop_figures
from lps_ros.evaluation.replay_figures import planning_figures
from lps_ros.evaluation.replay_figures import q_figures
from lps_ros.evaluation.replay_report import replay_page
from lps_ros.evaluation.replay_report import replay_text
from lps_ros.evaluation.replay_sources import episode_files

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ReplaySettings:
    """
    How chunks are planned; None takes what the recording says of its policy, else the bundle.

    :param mode: 'steered' or 'prior'
    :param candidates: latents drawn per plan
    :param strength: of steering, 0 (the prior) to 1
    :param replan_every: ticks between plans, 0 for the whole chunk
    :param join: how a chunk takes over, one of JOINS
    :param seed: of the latents; 0 where the recording says nothing
    """

    mode: str | None = None
    candidates: int | None = None
    strength: float | None = None
    replan_every: int | None = None
    join: str | None = None
    seed: int | None = None

    def resolve(
            self, recorded: dict[str, Any], own: dict[str, Any],
            horizon: int) -> tuple[Steering, int]:
        """
        Return the steering and the seed.

        :param recorded: what an episode's start event says of the policy that drove; may be empty
        :param own: how the bundle is to be run; may be empty
        """
        settings = recorded or own
        given = {name: value for name, value in asdict(self).items() if value is not None}
        seed = given.pop('seed', settings.get('seed', 0))
        wanted = replace(Steering.told(settings), **given)
        return replace(
            wanted, candidates=max(1, wanted.candidates),
            replan_every=min(wanted.replan_every or horizon, horizon)), seed


@dataclass(frozen=True, kw_only=True, eq=False)
class ReplayReport:
    """Figures of a replay, and the replayed episodes they were computed from."""

    figures: dict
    episodes: list[EpisodeReplay]

    def text(self) -> str:
        """Return the figures for a terminal, what matters most first."""
        return replay_text(self.figures)

    def write_json(self, path: Path) -> None:
        """Write the figures; a figure that does not exist is null."""
        text = json.dumps(_without_nan(self.figures), indent=2, allow_nan=False)
        write_text(Path(path), text + '\n')

    def write_html(self, path: Path) -> None:
        """Write the page."""
        replay_page(self.figures, self.episodes[0]).write(path)


def replay(
        source: str | Path, bundle: Any, *, bundle_name: str = 'the bundle',
        contract: Contract | None = None, settings: ReplaySettings | None = None,
        episodes: int | None = None, namespace: str = '',
        progress: Callable[[float], None] | None = None) -> ReplayReport:
    """
    Pass a recording through a policy and compare; see `replay_episode` for how.

    :param source: rosbag2 folder, .mcap, .db3, episode file or dataset folder; a recording
        without marked episodes is replayed as a whole
    :param bundle: a loaded policy bundle
    :param contract: the robot's contract, whose topics, ages and limits replace the recorded ones
    :param episodes: replay only so many, the first ones by time
    :param namespace: of the topics in a recording
    :param progress: called with the fraction done
    :raises UserError: where the source is no recording, or of another data contract
    :raises DataError: where the recording is damaged or lacks a topic
    """
    seen = bundle.contract
    if contract is not None:
        _check(seen, contract, f'contract {contract.name}')
    settings = settings or ReplaySettings()
    report = progress or (lambda fraction: None)
    horizon = bundle.policy.horizon
    replays, rows, differing, steerings = [], [], [], []
    with tempfile.TemporaryDirectory(prefix='lps_replay_') as scratch:
        paths = episode_files(Path(source), contract, seen, Path(scratch), namespace=namespace,
                              progress=lambda fraction: report(0.2 * fraction))[:episodes]
        for count, path in enumerate(paths):
            with Episode.open(path) as episode:
                robot = contract or episode.contract
                differing += _check(seen, episode.contract, str(path))
                steering, seed = settings.resolve(
                    _policy_settings(episode), bundle.metadata.get('steering', {}), horizon)
                try:
                    each = replay_episode(
                        episode, bundle.policy, robot.subset(_keys(seen)), horizon=horizon,
                        steering=steering, seed=seed)
                except EpisodeError:
                    raise
                except DataError as error:  # a damaged frame does not know its file
                    raise EpisodeError(f'{path}: {error}; convert its recording again') from error
                rows.append(_episode_row(episode))
            replays.append(each)
            steerings.append(steering)
            report(0.2 + 0.8 * (count + 1) / len(paths))
    robot = robot.subset(_keys(seen))
    return ReplayReport(episodes=replays, figures={
        'schema_version': SCHEMA_VERSION, 'source': str(source), 'bundle': bundle_name,
        **_figures(replays, robot, bundle, rows),
        'settings': {spec.name: _values([getattr(each, spec.name) for each in steerings])
                     for spec in fields(Steering)},
        'deployment_differences': list(dict.fromkeys(differing)),
    })


def _keys(contract: Contract) -> list[str]:
    return [spec.key for spec in contract.observations]


def _check(seen: Contract, other: Contract, name: str) -> list[str]:
    """Return deployment differences of what the bundle sees; raises UserError on others."""
    difference = differences(seen, other, subset=True)
    if difference.refused:
        lines = '; '.join(_renamed(line, 'here') for line in difference.data)
        raise UserError(f'{name}: other data than the bundle was trained on: {lines}; use a '
                        'bundle that was trained for this contract')
    return [_renamed(line, 'recording') for line in difference.deployment]


def _renamed(line: str, other: str) -> str:
    """Return a line of a difference with names that fit: the bundle, and what it is given."""
    return line.replace(': recorded ', ': bundle ', 1).replace(', current ', f', {other} ', 1)


def _policy_settings(episode: Episode) -> dict[str, Any]:
    """Return what the start event says of the policy that was recorded."""
    said = episode.events[0].get('policy') if episode.events else None
    return said if isinstance(said, dict) else {}


def _episode_row(episode: Episode) -> dict:
    unmarked = episode.attributes.get('ended_by') == 'end of recording'
    sources = {source for action in episode.contract.actions
               for source in episode.stream(action.key).source if source not in ('', 'none')}
    return {'name': episode.path.stem, 'outcome': 'unmarked' if unmarked else episode.outcome,
            'source': ', '.join(sorted(sources)) or '-'}


def _figures(
        replays: Sequence[EpisodeReplay], contract: Contract, bundle: Any,
        rows: Sequence[dict]) -> dict:
    codec = ActionCodec(contract)
    half_range = 0.5 * (codec.high - codec.low)
    per_episode = [{
        **row, 'ticks': len(each.ticks_ns), 'fit_ticks': int(each.fit.sum()),
        'executed_rmse_of_half_range':
            executed_figures([each], half_range)['rmse_of_half_range'],
        'open_loop_rmse_of_half_range':
            open_loop_figures([each], half_range)['rmse_of_half_range'],
        } for row, each in zip(rows, replays)]
    return {
        'contract': contract.name, 'data_hash': contract.data_hash, 'rate_hz': contract.rate_hz,
        'horizon': replays[0].chunks.shape[1], 'dimensions': list(codec.names),
        'units': action_units(contract), 'half_range': half_range.tolist(),
        'ticks': sum(len(each.ticks_ns) for each in replays),
        'fit_ticks': int(sum(each.fit.sum() for each in replays)),
        'input': input_figures(replays, contract),
        'as_executed': executed_figures(replays, half_range),
        'open_loop': open_loop_figures(replays, half_range),
        'q': q_figures(replays),
        'unfamiliar': familiarity_figures(
            replays, ObservationEncoder(contract).names,
            bundle.metadata.get('observation_statistics')),
        'planning': planning_figures(replays),
        'doubt': doubt_figures(replays),
        'episodes': per_episode,
    }


def _values(values: Sequence[str | int]) -> str | int:
    """Return the one value that all have, else all of them."""
    unique = list(dict.fromkeys(values))
    return unique[0] if len(unique) == 1 else ' or '.join(map(str, unique))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
