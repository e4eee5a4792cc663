"""The model card of a policy bundle: its README.md, written from policy.json."""

from collections.abc import Mapping
from typing import Any

import yaml

_METHODS = {
    'lps': 'Latent policy steering (Im et al., RSS 2026): a one-step flow decoder cloned from '
           'demonstrations, a latent actor that climbs {critics} critics through it',
    'meanflow_bc': 'Behaviour cloning by a one-step flow decoder (MeanFlow, Geng et al. 2025)',
    'flow_bc': 'Behaviour cloning by flow matching (Lipman et al. 2023)',
    'best_of_n': 'Best of N (Q-chunking, Li et al. 2025): a one-step flow decoder cloned from '
                 'demonstrations, of whose chunks {critics} critics choose',
    'dsrl': 'DSRL (Wagenmaker et al. 2025), learnt offline: a flow cloned from demonstrations, a '
            'latent actor that climbs {critics} critics of its latents',
    'qc_fql': 'QC-FQL (Park et al. 2025, Li et al. 2025): a flow cloned from demonstrations, a '
              'one-step actor that imitates it and climbs {critics} critics',
    'qc_mfql': 'QC-MFQL (Wang et al. 2025): a one-step flow decoder that imitates demonstrations '
               'and climbs {critics} critics',
    'cfgrl': 'CFGRL (Frans et al. 2025): a flow guided towards what {critics} critics hold to be '
             'better than usual'}


def model_card(name: str, content: Mapping[str, Any]) -> str:
    """Return the card as Markdown; `content` is that of policy.json."""
    parts = [f'# {name}\n', _summary(content), *_results(content.get('results', {})),
             *_data(content.get('data', {})), *_training(content.get('training', {})),
             '## Use\n', f'    lps run --bundle {name}\n'
             f'    lps replay RECORDING --bundle {name}\n',
             'A robot whose data contract differs from that of this bundle is refused. The '
             'policy knows only situations like those in its data: watch it, and keep the '
             'limits of the contract tight.\n']
    return '\n'.join(parts)


def _summary(content: Mapping[str, Any]) -> str:
    contract, config = content['contract'], content['algorithm']['config']
    robot = yaml.safe_load(contract['text'])
    widths = ', '.join(f'{name.removesuffix("_widths").replace("_", " ")} {_widths(value)}'
                       for name, value in config.items() if name.endswith('_widths'))
    return (
        f'Policy for `{robot["name"]}`, task "{robot["task"]["name"]}", at '
        f'{robot["rate_hz"]:g} Hz. {_METHODS[content["algorithm"]["name"]].format(**config)}; '
        f'chunks of {config["horizon"]} actions. '
        f'{_steering(content.get("steering"), "latent_actor_widths" in config)}\n\n'
        f'- observations: {", ".join(content["observations"]["keys"])} '
        f'({len(content["observations"]["names"])} numbers){_cameras(content)}\n'
        f'- actions: {", ".join(content["actions"]["names"])}\n'
        f'- data contract `{contract["data_hash"]}`, deployment `{contract["deployment_hash"]}`\n'
        f'- weights: {widths}\n')


def _cameras(content: Mapping[str, Any]) -> str:
    images = content['observations'].get('images', [])
    return f'; cameras: {", ".join(images)}' if images else ''


def _steering(steering: Mapping[str, Any] | None, latent_actor: bool) -> str:
    steering = steering or {}
    candidates, ticks = steering.get('candidates', 1), steering.get('replan_every')
    strength = steering.get('strength', 1)
    if latent_actor and steering.get('mode') != 'prior' and strength:
        how = 'the latent of the actor' + (
            f', at {strength:g} of the way from a random one' if strength < 1 else '') + (
            f', or that of {candidates - 1} others whose chunk the critics value more'
            if candidates > 1 else '')
    else:
        how = (f'of {candidates} random latents the one whose chunk the critics value most is '
               'taken' if candidates > 1 else 'a random latent')
        how = f'the latent actor is not used; {how}' if latent_actor else how
    join = f' (join: {steering["join"]})' if 'join' in steering else ''
    return (f'Run, unless told otherwise, with a new plan '
            f'{f"every {ticks} ticks" if ticks else "once a chunk"}{join}: {how}.')


def _widths(widths: list[int]) -> str:
    return '-'.join(map(str, widths))


def _results(results: Mapping[str, Any]) -> list[str]:
    if not results:
        return []
    parts = ['## Measured\n']
    for title, figures in results.items():
        rows = figures if _is_table(figures) else {'': figures}
        columns = list(dict.fromkeys(key for row in rows.values() for key in row))
        lines = ['| | ' + ' | '.join(columns) + ' |', '|---' * (len(columns) + 1) + '|']
        lines += ['| ' + ' | '.join([label, *(_text(row.get(key, '')) for key in columns)]) + ' |'
                  for label, row in rows.items()]
        parts += [f'{title}:\n', '\n'.join(lines) + '\n']
    return parts


def _is_table(figures: Mapping[str, Any]) -> bool:
    return all(isinstance(row, Mapping) for row in figures.values())


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.4g}'
    if isinstance(value, list | tuple):
        return ' to '.join(map(_text, value))
    return str(value)


def _data(data: Mapping[str, Any]) -> list[str]:
    if not data:
        return []
    return ['## Data\n', f'- dataset `{data["dataset"]}`, fingerprint `{data["fingerprint"]}`\n'
            f'- {data["episodes"]["success"]} successes and {data["episodes"]["failure"]} '
            f'failures, {data["episodes_used"]} episodes used: {data["transitions_used"]} '
            f'transitions, {data["chunks"]} chunks\n']


def _training(training: Mapping[str, Any]) -> list[str]:
    if not training:
        return []
    settings, software = training['settings'], training['software']
    command = f'    {training["command"]}\n\n' if training['command'] else ''
    return ['## Training\n', f'{command}{settings["steps"]} updates of {settings["batch_size"]} '
            f'chunks in {training["trained_s"] / 60:.1f} min, finished {training["created"]}, '
            f'lps_ros {software["lps_ros"]}, torch {software["torch"]}. Settings:\n',
            '\n'.join(f'    {key}: {_setting(value)}' for key, value in settings.items()) + '\n']


def _setting(value: Any) -> str:
    return str(value) if isinstance(value, str) else yaml.safe_dump(
        value, default_flow_style=True).removesuffix('...\n').strip()
