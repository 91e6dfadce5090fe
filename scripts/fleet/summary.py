"""What the demo's figures come to: a table for people, one object of a fixed form for scripts."""

from datetime import datetime

from . import report

# The form that --json-summary promises; the demo's --help prints it.
FORM = """\
--json-summary writes one object:
  devices       devices of the fleet
  seconds       from the empty folder to the last observation, built programs given
  delta_bytes   what devices received for the updates that came to them as deltas
  full_bytes    what the same updates would have been as full releases
  rollbacks     attempts that ended rolled_back
  releases      for each version, in order of their rollouts: version; accuracy, in percent rounded to two
                decimals (87.15), of all labelled inferences of its trials, null if it never ran; latency_us_p50 and
                latency_us_p99 over all devices (upper bounds of a histogram's buckets), null if it never ran;
                devices_at_end, how many devices run it when the demo is over
  steps         in order: name; ok, whether everything that it promises was observed (false if it was not reached)
  ok            whether all steps are"""


def tried(rows: list[dict]) -> list[dict]:
    """The attempts that a device has begun."""
    return [row for row in rows if row["state"] not in ("queued", "cancelled")]


def duration(rollout: dict) -> float:
    times = [datetime.fromisoformat(rollout[key].replace("Z", "+00:00")) for key in ("started_at", "ended_at")]
    return (times[1] - times[0]).total_seconds()


def show(demo):
    """The table of rollouts, and the count of observations."""
    print("\n== Summary")
    rows = [["release", "rollout", "devices", "received", "full size x devices", "by", "seconds", "rollbacks"]]
    for item in demo.rollouts:
        rollout, tries = item["rollout"], tried(item["attempts"])
        rows.append([rollout["version"], rollout["state"], str(len(tries)),
                     report.size(sum(row["bytes_received"] for row in tries)),
                     report.size(item["full_size_bytes"] * len(tries)),
                     ",".join(sorted({row["transport"] or "-" for row in tries})), f"{duration(rollout):.1f}",
                     str(sum(row["state"] == "rolled_back" for row in tries))])
    report.table(rows)
    total = as_object(demo)
    if total["full_bytes"]:
        print(f"    {total['devices']} devices; deltas {report.size(total['delta_bytes'])}, in full they would have been "
              f"{report.size(total['full_bytes'])} ({100 * total['delta_bytes'] / total['full_bytes']:.0f} %); "
              f"{total['rollbacks']} rollback(s)")
    missed = [what for what, holds in demo.seen if not holds]
    print(f"    {len(demo.seen) - len(missed)} of {len(demo.seen)} observations hold, {demo.seconds:.0f} s")
    for what in missed:
        print(f"    FAIL  {what}")


def as_object(demo) -> dict:
    """The object of --json-summary, of as much as was observed."""
    by_delta = [(row["bytes_received"], item["full_size_bytes"]) for item in demo.rollouts
                for row in item["attempts"] if row["transport"] == "delta"]
    return {
        "devices": sum(demo.devices_at_end.values()) or len(demo.fleet.agents),
        "seconds": round(demo.seconds, 1),
        "full_bytes": sum(full for _, full in by_delta),
        "delta_bytes": sum(received for received, _ in by_delta),
        "rollbacks": sum(row["state"] == "rolled_back" for item in demo.rollouts for row in item["attempts"]),
        "releases": [_release(demo, item) for item in demo.rollouts],
        "steps": [{"name": name, "ok": ok} for name, ok in demo.done.items()],
        "ok": all(demo.done.values()),
    }


def _release(demo, item: dict) -> dict:
    version = item["rollout"]["version"]
    health = [row["health"] for row in item["attempts"] if row.get("health")]
    labelled = sum(each["labelled"] for each in health)
    latency: dict[int, int] = {}
    for each in health:
        for bucket, count in each["latency_us"]:
            latency[bucket] = latency.get(bucket, 0) + count
    return {
        "version": version,
        "accuracy": round(100 * sum(each["correct"] for each in health) / labelled, 2) if labelled else None,
        "latency_us_p50": report.percentile(latency, 50),
        "latency_us_p99": report.percentile(latency, 99),
        "devices_at_end": demo.devices_at_end.get(version, 0),
    }
