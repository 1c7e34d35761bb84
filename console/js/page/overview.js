import { bytesText, durationText, millisecondsText, percentText, rateText } from '../amounts.js';
import { element, setText } from './dom.js';
import { HistoryChart } from './history-chart.js';
const facts = [
    { name: 'Up', text: ({ uptimeSeconds }) => durationText(uptimeSeconds) },
    { name: 'Refused /s', text: ({ refusedPerSecond }) => rateText(refusedPerSecond) },
    { name: 'Waiting', text: ({ waitingRequests }) => String(waitingRequests) },
    { name: 'Connections', text: ({ grpcConnections }) => String(grpcConnections) },
    { name: 'Processor', text: ({ cpuCores }) => `${cpuCores.toFixed(1)} cores` },
    { name: 'Machine', text: ({ machineCpu }) => percentText(machineCpu) },
    { name: 'Memory', text: ({ residentBytes }) => bytesText(residentBytes) },
    { name: 'Heap', text: ({ heapUsedBytes }) => bytesText(heapUsedBytes) },
    {
        name: 'Held',
        text: ({ heldBytes, heldLimitBytes }) => `${bytesText(heldBytes)} of ${bytesText(heldLimitBytes)}`,
    },
    {
        name: 'Event loop p99',
        text: ({ eventLoopDelayP99Ms }) => `${millisecondsText(eventLoopDelayP99Ms)} ms`,
    },
];
/** The server as a whole. */
export function createOverview() {
    const requests = new HistoryChart('Requests per second', ['answered', 'failed'], (value) => rateText(value ?? 0));
    const latency = new HistoryChart('Time to answer, ms', ['p50', 'p95', 'p99'], millisecondsText);
    const values = facts.map(() => element('dd'));
    const list = element('dl', { class: 'facts' }, facts.map(({ name }, index) => element('div', {}, [element('dt', {}, [name]), values[index] ?? ''])));
    const charts = element('div', { class: 'charts' }, [requests.element, latency.element]);
    return {
        element: element('section', { 'aria-label': 'Server' }, [charts, list]),
        update({ view: { server, sinceStart } }) {
            if (!sinceStart) {
                requests.add([server.requestsPerSecond, server.failuresPerSecond]);
                latency.add([server.latencyMs.p50, server.latencyMs.p95, server.latencyMs.p99]);
            }
            for (const [index, fact] of facts.entries()) {
                const value = values[index];
                if (value !== undefined)
                    setText(value, fact.text(server));
            }
        },
    };
}
