import { millisecondsText, percentText, rateText, rowsText } from '../amounts.js';
import { element, setText } from './dom.js';
const columns = [
    {
        head: 'Req/s',
        title: 'Answered requests per second',
        minor: false,
        cell: (version) => rateText(version.requestsPerSecond),
    },
    {
        head: 'Err/s',
        title: 'Failed requests per second',
        minor: true,
        cell: (version) => rateText(version.failuresPerSecond),
    },
    {
        head: 'p50',
        title: 'Median time to answer, ms',
        minor: true,
        cell: ({ latencyMs }) => millisecondsText(latencyMs.p50),
    },
    {
        head: 'p95',
        title: 'Time in which 95 % are answered, ms',
        minor: true,
        cell: ({ latencyMs }) => millisecondsText(latencyMs.p95),
    },
    {
        head: 'p99',
        title: 'Time in which 99 % are answered, ms',
        minor: false,
        cell: ({ latencyMs }) => millisecondsText(latencyMs.p99),
    },
    { head: 'Rows', title: 'Mean rows of a batch', minor: true, cell: ({ batchRows }) => rowsText(batchRows) },
    {
        head: 'Queue',
        title: 'Requests that wait',
        minor: true,
        cell: ({ waitingRequests }) => String(waitingRequests),
    },
    {
        head: 'Cache',
        title: 'Requests answered from the cache',
        minor: true,
        cell: ({ cache }) => cacheText(cache),
    },
];
/** All models; choosing one shows its details. */
export function createModelsTable(choose) {
    const body = element('tbody');
    const lines = new Map();
    let chosen;
    const pick = (key) => {
        chosen = key;
        for (const [own, line] of lines)
            line.mark(own === key);
        choose(key);
    };
    const heads = columns.map(({ head, title, minor }) => element('th', { scope: 'col', title, class: minor ? 'number minor' : 'number' }, [head]));
    const table = element('table', { class: 'models' }, [
        element('thead', {}, [
            element('tr', {}, [
                element('th', { scope: 'col' }, ['Model']),
                element('th', { scope: 'col', class: 'number' }, ['Ver.']),
                ...heads,
                element('th', { scope: 'col' }, ['State']),
            ]),
        ]),
        body,
    ]);
    const none = element('p', { class: 'none', hidden: '' }, ['There are no models.']);
    return {
        element: element('section', { 'aria-labelledby': 'models-title' }, [
            element('h2', { id: 'models-title' }, ['Models']),
            element('div', { class: 'scroll' }, [table]),
            none,
        ]),
        chosen: () => chosen,
        update({ rows }) {
            none.hidden = rows.length > 0;
            const seen = new Set();
            for (const [index, row] of rows.entries()) {
                const key = rowKey(row);
                seen.add(key);
                let line = lines.get(key);
                if (line === undefined) {
                    line = new TableLine(row, () => pick(key));
                    lines.set(key, line);
                }
                line.update(row);
                // Only what is elsewhere is moved, so that the focus stays.
                if (body.children[index] !== line.element)
                    body.insertBefore(line.element, body.children[index] ?? null);
            }
            for (const [key, line] of lines) {
                if (seen.has(key))
                    continue;
                line.element.remove();
                lines.delete(key);
            }
            const [first] = rows;
            if ((chosen === undefined || !seen.has(chosen)) && first !== undefined)
                pick(rowKey(first));
        },
    };
}
class TableLine {
    element;
    #button;
    #cells;
    #state = element('span', { class: 'state' });
    constructor({ model, version }, onPick) {
        this.#button = element('button', { type: 'button', class: 'pick', 'aria-pressed': 'false' }, [model]);
        this.#button.addEventListener('click', onPick);
        this.#cells = columns.map(({ minor }) => element('td', { class: minor ? 'number minor' : 'number' }));
        this.element = element('tr', {}, [
            element('th', { scope: 'row' }, [this.#button]),
            element('td', { class: 'number' }, [version === '' ? '–' : version]),
            ...this.#cells,
            element('td', {}, [this.#state]),
        ]);
    }
    mark(chosen) {
        this.#button.setAttribute('aria-pressed', String(chosen));
        this.element.classList.toggle('chosen', chosen);
    }
    update({ view, state, condition }) {
        for (const [index, column] of columns.entries()) {
            const place = this.#cells[index];
            if (place !== undefined)
                setText(place, view === undefined ? '' : column.cell(view));
        }
        setText(this.#state, state);
        this.#state.dataset['condition'] = condition;
    }
}
/** Names a row as long as the page is open. */
export function rowKey({ model, version }) {
    return `${version}/${model}`;
}
function cacheText(cache) {
    if (cache === null)
        return '';
    return cache.off ? 'off' : percentText(cache.hitRatio);
}
