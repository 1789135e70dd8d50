"""The engine on a real local Ray: results, dead workers, exceptions, and the whole job on one and on two
nodes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.chain import run_job
from pipeline.engine import Engine, Outcome, UnitLost
from pipeline.job import Job
from pipeline.recipe import load_recipe
from pipeline.units import Runner
from tests.pipeline.stack import stdlib_rows, write_corpus, write_recipe
from tests.pipeline.test_job import digests

pytestmark = [
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore"),
]  # Ray's own warnings are not ours to mend


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=2, retries=2) as running:
        yield running


def double(number: int) -> int:
    return 2 * number


def die_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise ValueError("not this one")


def test_every_unit_comes_back_with_its_index(engine: Engine) -> None:
    outcomes = dict(engine.map_units(double, [(n, (n,)) for n in range(20)]))
    assert {index: outcome.result for index, outcome in outcomes.items() if isinstance(outcome, Outcome)} == {
        n: 2 * n for n in range(20)
    }
    assert all(isinstance(o, Outcome) and o.peak_memory_bytes > 1_000_000 for o in outcomes.values())


def test_a_unit_whose_worker_dies_is_tried_again(engine: Engine, tmp_path: Path) -> None:
    ((_, outcome),) = engine.map_units(die_once, [(0, (tmp_path / "marker",))])
    assert isinstance(outcome, Outcome)
    assert outcome.result == "alive"


def test_a_unit_that_kills_every_worker_is_given_up_and_the_others_go_on(engine: Engine) -> None:
    ((_, lost),) = engine.map_units(die, [(0, ())])
    assert isinstance(lost, UnitLost)
    assert "worker died" in lost.message
    ((_, good),) = engine.map_units(double, [(0, (4,))])
    assert isinstance(good, Outcome)
    assert good.result == 8


SCRIPT = """
from pipeline.engine import Engine
with Engine(workers=1) as engine:
    list(engine.map_units(len, [(0, ("text",))]))
    print("(raylet) A worker died")
print("result")
"""


def test_what_ray_prints_stays_off_stdout() -> None:
    """Ray's threads print to whatever sys.stdout is at the time; ours is for results."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True)
    assert done.stdout == "result\n"
    assert "(raylet) A worker died" in done.stderr


def test_an_exception_in_a_unit_is_raised_as_itself(engine: Engine) -> None:
    with pytest.raises(ValueError, match="not this one"):
        list(engine.map_units(refuse, [(0, ())]))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A recipe, and the digests of its shards as the plain loop makes them."""
    folder = tmp_path_factory.mktemp("reference")
    recipe = write_recipe(folder, write_corpus(folder / "corpus", stdlib_rows(24), files=4))
    run_job(Job(load_recipe(recipe), folder / "out", Runner(Engine(workers=0))))
    return recipe, digests(folder / "out" / "shards")


def test_two_workers_make_the_bytes_of_the_plain_loop(
    engine: Engine, reference: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    recipe, expected = reference
    run_job(Job(load_recipe(recipe), tmp_path, Runner(engine)))
    assert digests(tmp_path / "shards") == expected


def test_a_two_node_cluster_makes_the_bytes_of_the_plain_loop(
    engine: Engine, reference: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    from ray.cluster_utils import Cluster

    engine.__exit__()  # one Ray at a time in a process
    recipe, expected = reference
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20})
    cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
    try:
        with Engine(address=cluster.address) as joined:
            run_job(Job(load_recipe(recipe), tmp_path, Runner(joined)))
            assert joined._slots == 2
    finally:
        cluster.shutdown()
    assert digests(tmp_path / "shards") == expected
