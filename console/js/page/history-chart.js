import { element, setText, svgElement } from './dom.js';
/** Five minutes of a reading every two seconds. */
const maxPoints = 150;
const width = 300;
const height = 64;
/** A line that moves: the last values of one or more series, from 0 to the largest. */
export class HistoryChart {
    element;
    #write;
    #values;
    #lines;
    #top = element('span', { class: 'chart-top' });
    #now;
    #svg;
    #title;
    /** @param series names of the lines; the first one is the boldest. */
    constructor(title, series, write) {
        this.#title = title;
        this.#write = write;
        this.#values = series.map(() => []);
        this.#lines = series.map((_, index) => svgElement('path', { class: `line line-${index}` }));
        this.#svg = svgElement('svg', {
            viewBox: `0 0 ${width} ${height}`,
            preserveAspectRatio: 'none',
            role: 'img',
        });
        this.#svg.append(...this.#lines);
        this.#now = element('span', { class: 'chart-now' });
        const names = series.length < 2
            ? []
            : series.map((name, index) => element('span', { class: `key key-${index}` }, [name]));
        this.element = element('figure', { class: 'chart' }, [
            element('figcaption', {}, [element('span', { class: 'chart-title' }, [title]), ...names, this.#now]),
            element('div', { class: 'plot' }, [this.#svg, this.#top]),
        ]);
    }
    /** One value for each series; null leaves a gap. */
    add(values) {
        for (const [index, line] of this.#values.entries()) {
            line.push(values[index] ?? null);
            if (line.length > maxPoints)
                line.shift();
        }
        const largest = Math.max(...this.#values.flat().map((value) => value ?? 0));
        for (const [index, path] of this.#lines.entries())
            path.setAttribute('d', pathOf(this.#values[index] ?? [], largest));
        setText(this.#top, largest > 0 ? this.#write(largest) : '');
        const now = values.map((value) => this.#write(value)).join(' / ');
        setText(this.#now, now);
        this.#svg.setAttribute('aria-label', `${this.#title}, now ${now}, at most ${this.#write(largest)} in the last minutes`);
    }
    clear() {
        for (const line of this.#values)
            line.length = 0;
    }
}
function pathOf(values, largest) {
    let path = '';
    let drawing = false;
    for (const [index, value] of values.entries()) {
        if (value === null) {
            drawing = false;
            continue;
        }
        const x = width - (values.length - 1 - index) * (width / (maxPoints - 1));
        const y = height - 2 - (largest > 0 ? value / largest : 0) * (height - 4);
        path += `${drawing ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
        // A point alone is seen as a dot.
        if (!drawing)
            path += 'h0.01';
        drawing = true;
    }
    return path;
}
