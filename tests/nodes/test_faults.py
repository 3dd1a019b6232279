"""Machines that die, hang, or are cut off, under a lecture hall: nobody notices.

Acknowledged and lost: nothing. Events missed or doubled, wrong bytes: none. No `EventSource` ended,
and no player waited for longer than two seconds for a range, and what the machine itself was late
meanwhile: between asking and having lie some wake-ups, each of which other work may put off.

Those that prove most always run: a killed node, web process and balancer, a hung node, a
partition, a storage that hangs, a fail-over. `NODES=1` adds the others, `FULL=1` a larger hall.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.running import wait_for
from tests.harness.serving import kill_all
from tests.nodes.altered import hanging_storage, next_version, shifted_clock
from tests.nodes.cluster import PATIENT, Cluster, Service, running_cluster
from tests.nodes.crowd import Crowd, Size, at_work
from tests.nodes.viewers import Record, Span

IS_FULL = bool(os.environ.get("FULL"))
UPLOAD_BYTES = 3 * 2**18
SIZE = (
    Size(viewers=200, listeners=500, uploaders=50, upload_bytes=UPLOAD_BYTES)
    if IS_FULL
    else Size(viewers=20, listeners=60, uploaders=5, upload_bytes=UPLOAD_BYTES)
)
LONGEST_WAIT_S = 2.0
FAILED_OVER_WITHIN_S = 5.0
A_WHILE_S = 6.0  # past the time-outs that a cut, hung or stopped part runs into
CHANGES = (
    "SELECT id, payload->'video'->>'title' FROM event_log"
    " WHERE type = 'video.updated' AND video_id = '{}' ORDER BY id"
)
pytestmark = pytest.mark.alone
only_with_nodes = pytest.mark.skipif(
    not (IS_FULL or os.environ.get("NODES")),
    reason="three minutes more: NODES=1 make test-alone-system",
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), made_cluster) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def hall(cluster: Cluster) -> Iterator[Crowd]:
    with at_work(cluster.balancer, cluster.haproxy.url, cluster.film, SIZE) as crowd:
        yield crowd


@contextmanager
def unnoticed(cluster: Cluster, hall: Crowd) -> Iterator[Record]:
    """For the block, and until all got on after it; then nothing was lost."""
    cluster.revive()
    hall.record = record = Record()
    cluster.node_of_the_film()
    yield record
    hall.wait_until_all_got_on()
    acknowledged = list(hall.teacher.acknowledged)
    changes = cluster.primary.rows(CHANGES.format(hall.film.video_id))
    told, titles = [row[0] for row in changes], Counter(row[1] for row in changes)
    hall.wait_until_heard(told)
    lost = hall.lost_reports()
    found = {
        "unexpected": hall.faults,
        "wrong bytes": record.wrong,
        "streams ended for good": record.ended_for_good,
        "streams reset": [record.resets] * bool(record.resets),
        "missed or doubled": [
            ids for one in hall.listeners if (ids := one.missed_or_doubled(told))
        ],
        "lost reports": [lost] * bool(lost),
        "lost bytes": [lost for one in hall.uploaders for lost in one.lost],
        "lost or doubled changes": [title for title in acknowledged if titles[title] != 1],
    }
    print(
        f"longest wait for a range {record.longest_wait_s:.2f} s, {len(told)} changes,"
        f" the machine paused for up to {max(one.length_s for one in record.pauses):.2f} s"
    )
    assert found == {name: [] for name in found}
    assert record.too_long(LONGEST_WAIT_S) == []


def node_of_the_film(cluster: Cluster, hall: Crowd) -> Service:
    cluster.node_of_the_film()
    hall.wait_until_all_got_on()
    return cluster.node_of_the_film()


def test_the_node_of_the_film_is_killed(cluster: Cluster, hall: Crowd) -> None:
    with unnoticed(cluster, hall):
        node = node_of_the_film(cluster, hall)
        node.end()
        hall.wait_until_all_got_on()
        node.begin()
        cluster.wait_until_balanced(node)


def kill_worker(cluster: Cluster, hall: Crowd) -> None:
    cluster.worker.end()
    hall.wait_until_all_got_on()
    cluster.worker.begin(prefix=PATIENT)


def kill_web_process(cluster: Cluster, hall: Crowd) -> None:
    kill_all([max(cluster.nodes[2].web_pids())])
    hall.wait_until_all_got_on()


def kill_backends(cluster: Cluster, hall: Crowd) -> None:
    """PostgreSQL then ends all of them, and recovers."""
    kill_all(row[0] for row in cluster.primary.rows(A_BACKEND))
    hall.wait_until_all_got_on()


def kill_standby(cluster: Cluster, hall: Crowd) -> None:
    """Acknowledgements wait for it."""
    cluster.databases.second.kill()
    time.sleep(A_WHILE_S)
    cluster.databases.second.restart()
    cluster.databases.wait_until_synchronous()


def kill_balancer(cluster: Cluster, hall: Crowd) -> None:
    """It is started again at once, as systemd does, and knows nothing of the nodes."""
    cluster.haproxy.kill()
    cluster.balancer.run(cluster.haproxy.start)
    hall.wait_until_all_got_on()


def kill_redis(cluster: Cluster, hall: Crowd) -> None:
    cluster.redis.kill()
    hall.wait_until_all_got_on()
    cluster.redis_machine.run(cluster.redis.start)


A_BACKEND = (
    "SELECT pid FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1"
)


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(kill_web_process, id="web process"),
        pytest.param(kill_balancer, id="balancer"),
        pytest.param(kill_worker, id="media worker", marks=only_with_nodes),
        pytest.param(kill_backends, id="backend", marks=only_with_nodes),
        pytest.param(kill_standby, id="standby", marks=only_with_nodes),
        pytest.param(kill_redis, id="Redis", marks=only_with_nodes),
    ],
)
def test_another_process_is_killed(
    kill: Callable[[Cluster, Crowd], None], cluster: Cluster, hall: Crowd
) -> None:
    with unnoticed(cluster, hall):
        kill(cluster, hall)


def test_the_node_of_the_film_hangs(cluster: Cluster, hall: Crowd) -> None:
    with unnoticed(cluster, hall):
        node = node_of_the_film(cluster, hall)
        with node.hanging():
            time.sleep(A_WHILE_S)
            hall.wait_until_all_got_on()


@only_with_nodes
def test_a_node_is_cut_off_from_the_balancer(cluster: Cluster, hall: Crowd) -> None:
    with unnoticed(cluster, hall):
        node = node_of_the_film(cluster, hall)
        with node.machine.cut_from(cluster.balancer):
            time.sleep(A_WHILE_S)
            hall.wait_until_all_got_on()
        cluster.wait_until_balanced(node)


def test_a_node_is_cut_off_from_the_database(cluster: Cluster, hall: Crowd) -> None:
    with unnoticed(cluster, hall):
        node = node_of_the_film(cluster, hall)
        databases = cluster.databases
        with node.machine.cut_from(databases.first.machine, databases.second.machine):
            time.sleep(A_WHILE_S)
            hall.wait_until_all_got_on()
        cluster.wait_until_balanced(node)


def test_the_storage_hangs_on_a_node(cluster: Cluster, hall: Crowd, tmp_path: Path) -> None:
    node, flag = cluster.nodes[0], tmp_path / "hangs"
    restart(cluster, node, *hanging_storage(tmp_path, cluster.storage, flag))
    with unnoticed(cluster, hall):
        flag.touch()
        time.sleep(A_WHILE_S)
        hall.wait_until_all_got_on()
        flag.unlink()
        cluster.wait_until_balanced(node)
    restart(cluster, node)


@only_with_nodes
def test_the_clocks_of_two_nodes_are_apart(cluster: Cluster, hall: Crowd, tmp_path: Path) -> None:
    with unnoticed(cluster, hall):
        for node, shift in zip(cluster.nodes, (20, -20), strict=False):
            node.end()
            node.begin(*shifted_clock(tmp_path, shift))
            cluster.wait_until_unready(node)
        hall.wait_until_all_got_on()
        for node in cluster.nodes[:2]:
            restart(cluster, node)


@only_with_nodes
def test_a_new_version_with_a_migration_comes_node_by_node(
    cluster: Cluster, hall: Crowd, tmp_path: Path
) -> None:
    with unnoticed(cluster, hall):
        root = next_version(tmp_path / "next")
        cluster.migrate(root)
        for node in cluster.nodes:
            assert node.stop() == 0
            node.begin(root=root)
            cluster.wait_until_balanced(node)


@only_with_nodes
def test_one_node_becomes_three(cluster: Cluster, hall: Crowd) -> None:
    """As docs/several-machines.md does it, behind a balancer that has one node in its file."""
    with unnoticed(cluster, hall):
        for node in cluster.nodes[1:]:
            assert node.stop() == 0
        cluster.balance(1)
        hall.wait_until_all_got_on()
        began_s = time.monotonic()
        for count, node in enumerate(cluster.nodes[1:], 2):
            node.begin()
            cluster.wait_until_ready(node)
            cluster.balance(count)
            cluster.wait_until_balanced(node)
            hall.wait_until_all_got_on()
        print(f"grew in {time.monotonic() - began_s:.1f} s")


def test_the_database_fails_over(cluster: Cluster, hall: Crowd) -> None:
    databases = cluster.databases
    with unnoticed(cluster, hall) as record:
        databases.first.kill()
        before, died_s = len(hall.teacher.acknowledged), time.monotonic()
        databases.second.promote()
        cluster.primary = databases.second
        wait_for(lambda: len(hall.teacher.acknowledged) > before, "an acknowledgement", 120)
        taken = Span(died_s, time.monotonic())
        print(f"failed over in {taken.length_s:.2f} s")
    assert record.too_long(FAILED_OVER_WITHIN_S, [taken]) == []


def test_each_video_that_was_acknowledged_is_what_was_sent(cluster: Cluster, hall: Crowd) -> None:
    hall.wait_until_all_finished_one()
    finished = {video: digest for one in hall.uploaders for video, digest in one.finished.items()}

    assert hall.run(hall.digests(finished, cluster.storage)) == finished


def restart(cluster: Cluster, node: Service, *environ: str) -> None:
    node.stop()
    node.begin(*environ)
    cluster.wait_until_balanced(node)
