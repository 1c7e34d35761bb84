import { readMetrics } from './metrics-text.js';
/** The samples of one model version, or of the server as a whole. */
export class SampleGroup {
    labels;
    #samples = new Map();
    constructor(labels) {
        this.labels = labels;
    }
    add(name, sample) {
        const samples = this.#samples.get(name);
        if (samples === undefined)
            this.#samples.set(name, [sample]);
        else
            samples.push(sample);
    }
    has(name) {
        return this.#samples.has(name);
    }
    samples(name) {
        return this.#samples.get(name) ?? [];
    }
    /** Over all other labels, such as fronts and threads; 0 where there is none. */
    sum(name) {
        let sum = 0;
        for (const { value } of this.#samples.get(name) ?? [])
            sum += value;
        return sum;
    }
    /** The sums for each value of one label. */
    by(name, label) {
        const sums = new Map();
        for (const { labels, value } of this.#samples.get(name) ?? []) {
            const key = labels[label] ?? '';
            sums.set(key, value + (sums.get(key) ?? 0));
        }
        return sums;
    }
    /** A label of the first sample; '' where there is none. */
    label(name, label) {
        return this.#samples.get(name)?.[0]?.labels[label] ?? '';
    }
    histogram(name) {
        const counts = new Map();
        for (const [bound, count] of this.by(`${name}_bucket`, 'le')) {
            counts.set(bound === '+Inf' ? Infinity : Number(bound), count);
        }
        return { counts, sum: this.sum(`${name}_sum`) };
    }
}
/** No version holds a slash. */
export function versionKey(model, version) {
    return `${version}/${model}`;
}
export function parseReading(text, takenAtMs) {
    const server = new SampleGroup({});
    const versions = new Map();
    readMetrics(text, (name, sample) => {
        const { model, version } = sample.labels;
        if (model === undefined || version === undefined) {
            server.add(name, sample);
            return;
        }
        const key = versionKey(model, version);
        let group = versions.get(key);
        if (group === undefined) {
            group = new SampleGroup({ model, version });
            versions.set(key, group);
        }
        group.add(name, sample);
    });
    return { takenAtMs, server, versions };
}
