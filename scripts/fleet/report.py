"""How the demo prints what happened: one rollout's devices, their health, and the figures at the end."""

BARS = "▁▂▃▄▅▆▇█"


def size(count: int) -> str:
    return f"{count:,} B"


def bars(counts: list[int]) -> str:
    top = max(counts, default=0)
    return "".join(BARS[min(7, count * 8 // (top + 1))] if count else " " for count in counts)


def upper_bound(bucket: int) -> int:
    """Of a log-linear latency bucket, in microseconds (docs/device-protocol.md)."""
    if bucket < 16:
        return bucket
    exponent = bucket // 16 + 3
    return ((bucket % 16 + 17) << (exponent - 4)) - 1


def percentile(buckets: dict[int, int], percent: int) -> int | None:
    """The upper bound of the bucket that holds it."""
    left = -(-sum(buckets.values()) * percent // 100)
    for bucket in sorted(buckets):
        left -= buckets[bucket]
        if left <= 0:
            return upper_bound(bucket)
    return None


def table(rows: list[list[str]]):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("    " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def percent(health: dict | None) -> str:
    if not health or not health.get("labelled"):
        return "-"
    return f"{100 * health['correct'] / health['labelled']:.2f} %"


def attempts(rows: list[dict]):
    """Every device of a rollout, then the histograms of the first one that ran a trial."""
    lines = [["device", "state", "from", "by", "received", "accuracy", "PSI", "p50", "p99"]]
    for row in sorted(rows, key=lambda row: row["device"]):
        health = row.get("health")
        lines.append([
            row["device"], row["state"], row.get("from_version") or "-", row.get("transport") or "-",
            size(row.get("bytes_received") or 0), percent(health),
            f"{health['psi']:.3f}" if health and health.get("psi") is not None else "-",
            f"{health['latency_us_p50']} us" if health else "-", f"{health['latency_us_p99']} us" if health else "-"])
    table(lines)
    for row in rows:
        if row.get("message") and row["state"] in ("failed", "rolled_back", "rejected"):
            print(f"    {row['device']}: {row['message']} (code {row['code']})")
    shown = next((row for row in rows if row.get("health") and row["health"]["inferences"]), None)
    if shown:
        health = shown["health"]
        buckets = dict(map(tuple, health["latency_us"]))
        first, last = min(buckets), max(buckets)
        width = -(-(last + 1 - first) // 40)  # so many buckets a bar
        spread = [sum(buckets.get(bucket, 0) for bucket in range(at, at + width)) for at in range(first, last + 1, width)]
        print(f"    {shown['device']}: {health['inferences']} inferences, {health['correct']} of {health['labelled']} right; "
              f"latency {upper_bound(first)}..{upper_bound(last)} us [{bars(spread)}]; "
              f"outputs by class {health['outputs']} [{bars(health['outputs'])}]")
