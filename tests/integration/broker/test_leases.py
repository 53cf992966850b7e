"""Who leads a pool, who works for it, and who is lost."""

from __future__ import annotations

from penstock.broker import holding, leading
from penstock.job import State
from tests.eventual import until
from tests.integration.broker.pool import LEADER, POOL, Pool
from tests.integration.open_broker import OpenBroker


async def _beat(pool: Pool, instance: str, state: str = "ready") -> str:
    return await pool.broker.run(holding.beat(POOL, instance, state, {"stats": "{}"}))


async def _worker(pool: Pool, instance: str) -> dict[bytes, bytes]:
    record: dict[bytes, bytes] = await pool.redis.hgetall(pool.keys.worker(instance))
    return record


async def test_one_leads_until_its_lease_runs_out(broker: OpenBroker) -> None:
    pool = Pool(broker)
    assert (await broker.run(leading.lead(POOL, "scheduler:1", 200))).is_ours
    assert not await pool.lead("scheduler:2")
    await until(lambda: pool.lead("scheduler:2"))
    assert not await pool.lead("scheduler:1")


async def test_a_leader_renews_its_lease(broker: OpenBroker) -> None:
    keys = Pool(broker).keys
    assert (await broker.run(leading.lead(POOL, "scheduler:1", 1000))).is_ours
    assert (await broker.run(leading.lead(POOL, "scheduler:1", 90_000))).is_ours
    assert await broker.client.pttl(keys.leader) > 1000


async def test_a_leader_that_resigns_is_replaced_at_once(pool: Pool) -> None:
    assert await pool.broker.run(leading.resign(POOL, LEADER)) == "resigned"
    assert await pool.redis.llen(pool.keys.wake_up) == 1
    assert await pool.lead("scheduler:2")


async def test_only_the_leader_can_resign(pool: Pool) -> None:
    assert await pool.broker.run(leading.resign(POOL, "scheduler:2")) == "following"
    assert await pool.lead(LEADER)


async def test_a_registered_worker_is_known_by_name_and_instance(pool: Pool) -> None:
    assert await pool.redis.hgetall(pool.keys.workers) == {b"w": b"w.1"}
    assert await pool.redis.smembers(pool.keys.instances) == {b"w.1"}
    assert await _worker(pool, "w.1") == {b"name": b"w", b"beat": b"0", b"state": b"ready", b"slots": b"4"}


async def test_registering_anew_fences_the_instance_before(pool: Pool) -> None:
    held = await pool.running("w.1")
    assert await pool.register("w.2", before="w.1") == "registered"
    assert (await _worker(pool, "w.1"))[b"state"] == b"lost"
    assert await pool.finish("w.1", held) == "fenced"
    assert await pool.redis.hget(pool.keys.workers, "w") == b"w.2"
    assert await pool.redis.smembers(pool.keys.instances) == {b"w.1", b"w.2"}


async def test_registering_anew_leaves_alone_why_the_instance_before_was_lost(pool: Pool) -> None:
    await pool.lose("w.1")
    await pool.register("w.2", before="w.1")
    assert (await _worker(pool, "w.1"))[b"why"] == b"it was killed"


async def test_registering_after_a_retired_instance_does_not_raise_it(pool: Pool) -> None:
    await pool.redis.delete(pool.keys.worker("w.1"))
    assert await pool.register("w.2", before="w.1") == "registered"
    assert await _worker(pool, "w.1") == {}


async def test_of_two_that_register_at_once_one_must_look_again(pool: Pool) -> None:
    assert await pool.register("w.2", before="w.1") == "registered"
    assert await pool.register("w.3", before="w.1") == "moved"
    assert await _worker(pool, "w.3") == {}
    assert await pool.register("w.3", before="w.2") == "registered"


async def test_registering_twice_registers_once(pool: Pool) -> None:
    await _beat(pool, "w.1", "draining")
    before = await _worker(pool, "w.1")
    assert await pool.register("w.1") == "registered"
    assert await _worker(pool, "w.1") == before


async def test_a_late_repeat_of_a_registration_does_not_raise_the_lost(pool: Pool) -> None:
    await pool.lose("w.1")
    await pool.register("w.1")
    assert (await _worker(pool, "w.1"))[b"state"] == b"lost"


async def test_a_beat_renews_the_lease_and_tells_the_state(pool: Pool) -> None:
    assert await _beat(pool, "w.1", "draining") == "alive"
    record = await _worker(pool, "w.1")
    assert (record[b"beat"], record[b"state"], record[b"stats"]) == (b"1", b"draining", b"{}")


async def test_the_bell_rings_for_a_new_leader_and_not_for_its_renewals(broker: OpenBroker) -> None:
    pool = Pool(broker)
    await pool.lead()
    assert await pool.redis.llen(pool.keys.wake_up) == 1
    await pool.redis.delete(pool.keys.wake_up)
    await pool.lead()
    assert await pool.redis.llen(pool.keys.wake_up) == 0


async def test_a_change_of_state_rings_the_bell(pool: Pool) -> None:
    await _beat(pool, "w.1", "ready")
    assert await pool.redis.llen(pool.keys.wake_up) == 0
    await _beat(pool, "w.1", "draining")
    assert await pool.redis.llen(pool.keys.wake_up) == 1


async def test_the_lost_and_the_forgotten_have_no_beat(pool: Pool) -> None:
    await pool.lose("w.1")
    assert await _beat(pool, "w.1") == "fenced"
    assert await _beat(pool, "nobody.1") == "fenced"
    assert (await _worker(pool, "w.1"))[b"state"] == b"lost"
    assert await _worker(pool, "nobody.1") == {}


async def test_a_worker_is_lost_only_at_the_beat_that_stood_still(pool: Pool) -> None:
    await _beat(pool, "w.1")
    assert await pool.lose("w.1", beat=0) == "alive"
    assert await pool.lose("w.1", beat=1) == "lost"
    assert await pool.lose("w.1", beat=1) == "lost"


async def test_a_certain_death_needs_no_beat(pool: Pool) -> None:
    await _beat(pool, "w.1")
    await pool.redis.delete(pool.keys.wake_up)
    assert await pool.lose("w.1") == "lost"
    record = await _worker(pool, "w.1")
    assert (record[b"state"], record[b"why"]) == (b"lost", b"it was killed")
    assert await pool.redis.llen(pool.keys.wake_up) == 1


async def test_nobody_is_lost_who_was_never_there(pool: Pool) -> None:
    assert await pool.lose("nobody.1") == "missing"
    assert await _worker(pool, "nobody.1") == {}


async def test_an_instance_that_holds_jobs_is_not_forgotten(pool: Pool) -> None:
    held = await pool.running("w.1")
    assert await pool.broker.run(leading.retire(POOL, "w.1", "w")) == "holds"
    assert await pool.finish("w.1", held) == "finished"


async def test_a_retired_instance_leaves_nothing_behind(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.broker.run(holding.emit(POOL, "w.1", "", [b"frame"], []))
    await pool.broker.run(leading.abort(POOL, "w.1", held.job, held.fence))
    await pool.finish("w.1", held)
    assert await pool.broker.run(leading.retire(POOL, "w.1", "w")) == "retired"
    assert await pool.broker.run(leading.retire(POOL, "w.1", "w")) == "retired"
    of_job = {pool.keys.job(held.job), pool.keys.job_index("acme"), pool.keys.ledger}
    left = of_job | {pool.keys.leader, pool.keys.settings, pool.keys.wake_up}
    assert {key.decode() for key in await pool.redis.keys()} == left


async def test_retiring_the_old_leaves_the_new_under_its_name(pool: Pool) -> None:
    await pool.register("w.2", before="w.1")
    await pool.broker.run(leading.retire(POOL, "w.1", "w"))
    assert await pool.redis.hgetall(pool.keys.workers) == {b"w": b"w.2"}
    assert await _beat(pool, "w.2") == "alive"


async def test_a_live_worker_can_be_told_to_drop_a_job(pool: Pool) -> None:
    held = await pool.running("w.1")
    assert await pool.broker.run(leading.abort(POOL, "w.1", held.job, held.fence)) == "told"
    assert await pool.control("w.1") == [{b"cancel": held.job.encode(), b"fence": b"1"}]
    assert await pool.state(held.job) is State.RUNNING


async def test_a_lost_worker_is_told_nothing(pool: Pool) -> None:
    await pool.lose("w.1")
    assert await pool.broker.run(leading.abort(POOL, "w.1", "sim-0", 1)) == "gone"
    assert await pool.control("w.1") == []
