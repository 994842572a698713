"""Who fails gets work last, is paused when it goes on failing, and comes back by what it does."""

from scheduler import clocks
from scheduler.reliability import FAILURES_IN_A_ROW, Record, Reliability
from tests.support.scheduling.marketplace import NOW_MS

IMAGE = "sha256:broken"


def fail(record: Record, times: int, now_ms: int = NOW_MS) -> None:
    for _ in range(times):
        record.fail(now_ms=now_ms)


def test_failures_fade_by_half_in_five_minutes() -> None:
    record = Record()
    fail(record, 8)

    ages = [0, 1, 2, 3, 5]

    assert [record.failures(now_ms=NOW_MS + age * 300_000) for age in ages] == [8, 4, 2, 1, 0]


def test_three_failures_in_a_row_are_a_pause_and_a_success_between_them_is_none() -> None:
    record = Record()
    fail(record, FAILURES_IN_A_ROW - 1)
    record.succeed()
    fail(record, FAILURES_IN_A_ROW - 1)
    assert not record.paused(now_ms=NOW_MS)

    fail(record, 1)

    assert record.paused(now_ms=NOW_MS + clocks.PAUSE_MS - 1)
    assert not record.paused(now_ms=NOW_MS + clocks.PAUSE_MS)
    assert record.on_trial


def test_pauses_grow_up_to_ten_minutes_and_a_success_ends_them() -> None:
    record, now_ms, pauses = Record(), NOW_MS, []
    fail(record, FAILURES_IN_A_ROW - 1)
    for _ in range(40):
        fail(record, 1, now_ms)
        pauses.append((record.paused_until_ms - now_ms) // 1_000)
        now_ms = record.paused_until_ms

    assert pauses[:8] == [10, 20, 40, 80, 160, 320, 600, 600]
    assert max(pauses) == 600
    record.succeed()
    assert not record.paused(now_ms=now_ms)
    assert not record.on_trial


def test_jobs_that_were_placed_before_a_pause_do_not_make_it_longer() -> None:
    record = Record()
    fail(record, 200)

    assert record.paused_until_ms == NOW_MS + clocks.PAUSE_MS


def test_a_broken_image_counts_for_itself_alone() -> None:
    provider = Reliability()
    for _ in range(FAILURES_IN_A_ROW):
        provider.fail(now_ms=NOW_MS, image=IMAGE)

    assert provider.paused(IMAGE, now_ms=NOW_MS)
    assert provider.failures(IMAGE, now_ms=NOW_MS) == FAILURES_IN_A_ROW
    assert not provider.paused("sha256:other", now_ms=NOW_MS)
    assert provider.failures("sha256:other", now_ms=NOW_MS) == 0
    assert provider.resumed(since_ms=NOW_MS, now_ms=NOW_MS + clocks.PAUSE_MS)


def test_images_that_failed_are_remembered_within_bounds() -> None:
    provider = Reliability()
    for number in range(1_000):
        provider.fail(now_ms=NOW_MS, image=f"sha256:{number}")

    assert provider.failures("sha256:999", now_ms=NOW_MS) == 1
    assert provider.failures("sha256:0", now_ms=NOW_MS) == 0
