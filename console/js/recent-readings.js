import { viewOf } from './live-view.js';
/** Long enough for percentiles of a model that is asked now and then, short enough to see what happens. */
const defaultWindowMs = 10_000;
/** The last readings of one server, of which views are made. */
export class RecentReadings {
    #windowMs;
    #readings = [];
    constructor(windowMs = defaultWindowMs) {
        this.#windowMs = windowMs;
    }
    /** The view with this reading as the newest: over the window, or as much of it as was read. */
    add(reading) {
        const since = reading.takenAtMs - this.#windowMs;
        // A clock that was set back would leave readings of the future.
        const kept = this.#readings.filter(({ takenAtMs }) => takenAtMs >= since && takenAtMs < reading.takenAtMs);
        this.#readings = [...kept, reading];
        return viewOf(reading, kept[0]);
    }
}
