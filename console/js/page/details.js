import { bytesText, millisecondsText, percentText, rateText, rowsText } from '../amounts.js';
import { element, setText } from './dom.js';
import { HistoryChart } from './history-chart.js';
import { rowKey } from './models-table.js';
/** One version, and what may be done with its model. */
export class Details {
    element;
    #title = element('h2', { id: 'details-title' });
    #about = element('p', { class: 'about' });
    #reason = element('p', { class: 'reason', hidden: '' });
    #load = element('button', { type: 'button' }, ['Load']);
    #unload = element('button', { type: 'button' }, ['Unload']);
    #numbers = element('div', { class: 'details' });
    #latency = new HistoryChart('Time to answer, ms', ['p50', 'p95', 'p99'], millisecondsText);
    #requests = new HistoryChart('Requests per second', ['answered', 'failed'], (value) => rateText(value ?? 0));
    #charts = element('div', { class: 'charts' }, [this.#requests.element, this.#latency.element]);
    #key = '';
    #row;
    #state;
    constructor(actions) {
        this.#load.addEventListener('click', () => this.#row !== undefined && actions.load(this.#row.model));
        this.#unload.addEventListener('click', () => this.#row !== undefined && actions.unload(this.#row.model));
        this.element = element('section', { 'aria-labelledby': 'details-title', hidden: '' }, [
            element('div', { class: 'details-head' }, [
                this.#title,
                element('div', { class: 'buttons' }, [this.#load, this.#unload]),
            ]),
            this.#about,
            this.#reason,
            this.#charts,
            this.#numbers,
        ]);
    }
    /** @param key of `rowKey`. */
    choose(key) {
        this.#key = key;
        this.#latency.clear();
        this.#requests.clear();
        if (this.#state !== undefined)
            this.update(this.#state);
    }
    update(state) {
        this.#state = state;
        const row = state.rows.find((candidate) => rowKey(candidate) === this.#key);
        this.#row = row;
        this.element.hidden = row === undefined;
        if (row === undefined)
            return;
        const { model, version, view } = row;
        setText(this.#title, version === '' ? model : `${model}, version ${version}`);
        setText(this.#about, view === undefined ? row.state : `${view.platform}, ${row.state}`);
        setText(this.#reason, row.reason);
        this.#reason.hidden = row.reason === '';
        this.#load.hidden = !state.mayMove;
        this.#unload.hidden = !state.mayMove || view === undefined;
        setText(this.#load, view === undefined ? 'Load' : 'Load again');
        this.#charts.hidden = view === undefined;
        if (view === undefined) {
            this.#numbers.replaceChildren();
            return;
        }
        if (!state.view.sinceStart) {
            this.#requests.add([view.requestsPerSecond, view.failuresPerSecond]);
            this.#latency.add([view.latencyMs.p50, view.latencyMs.p95, view.latencyMs.p99]);
        }
        this.#numbers.replaceChildren(percentiles(view), batches(view), facts(view));
    }
}
function percentiles({ latencyMs, queueMs, computeMs }) {
    const line = (name, { p50, p95, p99 }) => element('tr', {}, [
        element('th', { scope: 'row' }, [name]),
        ...[p50, p95, p99].map((ms) => element('td', { class: 'number' }, [millisecondsText(ms)])),
    ]);
    const heads = ['ms', 'p50', 'p95', 'p99'].map((head, index) => element('th', { scope: 'col', class: index === 0 ? '' : 'number' }, [head]));
    return element('div', { class: 'panel' }, [
        element('h3', {}, ['Latency']),
        element('table', {}, [
            element('thead', {}, [element('tr', {}, heads)]),
            element('tbody', {}, [
                line('Answer', latencyMs),
                line('Waiting', queueMs),
                line('Computing', computeMs),
            ]),
        ]),
    ]);
}
/** Sizes that occurred in the window, as bars. */
function batches({ batchSizes, batchRows, batchesPerSecond }) {
    const most = Math.max(...batchSizes.map((size) => size.batches));
    const bars = batchSizes.flatMap(({ upTo, batches: count }, index) => {
        if (count === 0)
            return [];
        const above = index === 0 ? 0 : (batchSizes[index - 1]?.upTo ?? 0);
        const sizes = upTo === null ? `> ${above}` : upTo === above + 1 ? String(upTo) : `${above + 1}–${upTo}`;
        const bar = element('span', { class: 'bar' });
        bar.style.width = `${(count / most) * 100}%`;
        return [
            element('span', { class: 'bar-name' }, [sizes]),
            element('span', { class: 'bar-room' }, [bar]),
            element('span', { class: 'bar-count' }, [String(Math.round(count))]),
        ];
    });
    return element('div', { class: 'panel' }, [
        element('h3', {}, ['Batches by rows']),
        element('p', { class: 'about' }, [
            `${rateText(batchesPerSecond)} per second of ${rowsText(batchRows)} rows`,
        ]),
        bars.length === 0
            ? element('p', { class: 'none' }, ['None in the last seconds.'])
            : element('div', { class: 'bars' }, bars),
    ]);
}
function facts(view) {
    const { cache } = view;
    const lines = [
        ['Waiting', `${view.waitingRequests}, the oldest ${millisecondsText(view.oldestWaitSeconds * 1000)} ms`],
        ['Running', `${view.runningBatches} batches${view.batchingOff ? '; batching is off' : ''}`],
        ['Refused', `${rateText(view.refusedPerSecond)} per second`],
        ['Breaker', `${view.breaker.replace('_', '-')}, opened ${view.breakerOpened} times`],
        ['Restarts', `${view.executorRestarts} of executors`],
        [
            'Cache',
            cache === null
                ? 'none'
                : `${cache.off ? 'off' : `${percentText(cache.hitRatio)} hits`}, ${cache.entries} answers, ${bytesText(cache.sizeBytes)}`,
        ],
    ];
    const list = lines.map(([name, text]) => element('div', {}, [element('dt', {}, [name]), element('dd', {}, [text])]));
    return element('div', { class: 'panel' }, [
        element('h3', {}, ['State']),
        element('dl', { class: 'lines' }, list),
    ]);
}
