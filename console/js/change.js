/** What happened between two readings of one group of samples. */
export class Change {
    newer;
    #older;
    #seconds;
    /** @param older undefined where the group, or the server, is newer than that: its counters began at 0. */
    constructor(newer, older, seconds) {
        this.newer = newer;
        this.#older = older;
        this.#seconds = seconds;
    }
    /** By how much a counter grew. One that fell has begun anew, as a reload of a model makes it. */
    growth(name) {
        return grown(this.newer.sum(name), this.#older?.sum(name) ?? 0);
    }
    perSecond(name) {
        return this.growth(name) / this.#seconds;
    }
    growthBy(name, label) {
        const older = this.#older?.by(name, label);
        return new Map(Array.from(this.newer.by(name, label), ([key, value]) => [key, grown(value, older?.get(key) ?? 0)]));
    }
    histogram(name) {
        const newer = this.newer.histogram(name);
        const older = this.#older?.histogram(name);
        if (older === undefined || (older.counts.get(Infinity) ?? 0) > (newer.counts.get(Infinity) ?? 0))
            return newer;
        return {
            counts: new Map(Array.from(newer.counts, ([bound, count]) => [bound, count - (older.counts.get(bound) ?? 0)])),
            sum: newer.sum - older.sum,
        };
    }
}
function grown(newer, older) {
    return newer < older ? newer : newer - older;
}
/** Histograms of the same bounds as one. */
export function addHistograms(histograms) {
    const counts = new Map();
    let sum = 0;
    for (const histogram of histograms) {
        for (const [bound, count] of histogram.counts)
            counts.set(bound, count + (counts.get(bound) ?? 0));
        sum += histogram.sum;
    }
    return { counts, sum };
}
/** The mean of the counted values; undefined where nothing was counted. */
export function meanOf({ counts, sum }) {
    const count = counts.get(Infinity) ?? 0;
    return count > 0 ? sum / count : undefined;
}
/**
 * A quantile, values being spread evenly in their bucket as `histogram_quantile` has it; undefined where nothing was
 * counted. Values above all bounds count as the largest bound.
 */
export function quantileOf({ counts }, quantile) {
    const buckets = [...counts].toSorted(([left], [right]) => left - right);
    const total = buckets.at(-1)?.[1] ?? 0;
    if (total <= 0)
        return undefined;
    const rank = quantile * total;
    let lower = 0;
    let below = 0;
    for (const [bound, count] of buckets) {
        if (count >= rank && count > below) {
            return bound === Infinity ? lower : lower + ((bound - lower) * (rank - below)) / (count - below);
        }
        lower = bound;
        below = count;
    }
    return undefined;
}
/** How many values fell into each bucket, by its upper bound, in ascending order. */
export function bucketsOf({ counts, }) {
    let below = 0;
    return [...counts]
        .toSorted(([left], [right]) => left - right)
        .map(([bound, count]) => {
        const own = count - below;
        below = count;
        return [bound, own];
    });
}
