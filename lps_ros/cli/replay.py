"""`lps replay`: a recording passed through a policy, nothing moves."""

import argparse
from pathlib import Path

from lps_ros.cli.option_ranges import check_range
from lps_ros.cli.option_ranges import MOST_CANDIDATES
from lps_ros.cli.option_ranges import MOST_SEED
from lps_ros.cli.option_ranges import MOST_TICKS
from lps_ros.cli.output_file import output_file
from lps_ros.contract import load_contract
from lps_ros.joining import JOINS
from tqdm import tqdm

_EXAMPLES = """examples:
  lps replay demos/ --bundle models/my_arm --html replay.html
  lps replay rosbag2_2026_03_04/ --bundle models/my_arm --contract config/my_arm.yaml
  lps replay demo_output/recordings/steered --bundle models/ur5e_cube --json replay.json
"""
_SHOW_PROGRESS_AFTER_S = 2.0


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser of `lps`."""
    parser = subparsers.add_parser(
        'replay', help='judge a policy on recordings before it moves anything', epilog=_EXAMPLES,
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, metavar='BAG_OR_DATASET',
                        help='rosbag2 folder, .mcap, .db3, episode .hdf5 or dataset folder')
    parser.add_argument('--bundle', type=Path, required=True, help='policy bundle')
    parser.add_argument('--contract', type=Path,
                        help='contract whose topics, ages and limits replace the recorded ones')
    parser.add_argument('--namespace', default='', help='of the topics in a bag')
    parser.add_argument('--episodes', type=int, help='replay only the first so many')
    parser.add_argument('--mode', choices=('steered', 'prior'),
                        help="default: as recorded, else the bundle's own")
    parser.add_argument('--candidates', type=int,
                        help="latents per plan (default: as recorded, else the bundle's own)")
    parser.add_argument('--strength', type=float,
                        help="of steering, 0 to 1 (default: as recorded, else the bundle's own)")
    parser.add_argument('--replan-every', type=int,
                        help="ticks between plans (default: as recorded, else the bundle's own)")
    parser.add_argument('--join', choices=JOINS,
                        help='how a chunk takes over (default: as recorded, else the '
                             "bundle's own)")
    parser.add_argument('--seed', type=int, help='of the latents (default: as recorded, else 0)')
    parser.add_argument('--json', type=output_file, help='write the figures to this file')
    parser.add_argument('--html', type=output_file, help='write a page to this file')
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay, print the figures and write the files asked for."""
    check_range(arguments, 'episodes', 1)
    check_range(arguments, 'candidates', 1, MOST_CANDIDATES)
    check_range(arguments, 'strength', 0, 1)
    check_range(arguments, 'replan_every', 1, MOST_TICKS)
    check_range(arguments, 'seed', 0, MOST_SEED)
    # `lps --help` must not import torch.
    from lps_ros.evaluation.replay import replay
    from lps_ros.evaluation.replay import ReplaySettings
    from lps_ros.learning.bundle import load_bundle
    import torch
    # More threads make the planning time erratic.
    torch.set_num_threads(1)
    settings = ReplaySettings(
        mode=arguments.mode, candidates=arguments.candidates, strength=arguments.strength,
        replan_every=arguments.replan_every, join=arguments.join, seed=arguments.seed)
    contract = None if arguments.contract is None else load_contract(arguments.contract)
    with tqdm(total=1.0, desc='replaying', delay=_SHOW_PROGRESS_AFTER_S, disable=None,
              leave=False, bar_format='{desc} {percentage:3.0f}%|{bar}| {remaining}') as bar:
        report = replay(
            arguments.source, load_bundle(arguments.bundle), bundle_name=str(arguments.bundle),
            contract=contract, settings=settings, episodes=arguments.episodes,
            namespace=arguments.namespace, progress=lambda done: bar.update(done - bar.n))
    print(report.text())
    if arguments.json:
        report.write_json(arguments.json)
    if arguments.html:
        report.write_html(arguments.html)
    return 0
