import { modelRows } from '../model-rows.js';
import { RecentReadings } from '../recent-readings.js';
import { Details } from './details.js';
import { confirmAction, KeyForm } from './dialogs.js';
import { element, setText } from './dom.js';
import { createModelsTable } from './models-table.js';
import { createOverview } from './overview.js';
import { createQuality } from './quality.js';
import { createRollouts } from './rollouts.js';
import { ConsoleError, ServerApi } from './server-api.js';
import { createTraffic } from './traffic.js';
const intervalMs = 2000;
const api = new ServerApi();
const recent = new RecentReadings();
const status = element('span', { class: 'state', role: 'status' }, ['connecting']);
const who = element('span', { class: 'about' });
const message = element('p', { class: 'message', role: 'alert', hidden: '' });
const drain = element('button', { type: 'button', class: 'danger', hidden: '' }, ['Drain']);
const keyForm = new KeyForm((key) => {
    api.useKey(key);
    void tick();
});
const details = new Details({
    load: (model) => void run('load', { model }, `Loading ${model} …`),
    unload: (model) => void unload(model),
});
const models = createModelsTable((key) => details.choose(key));
/** From top to bottom. A further part of the page is one more of these. */
const sections = [
    createOverview(),
    createTraffic(),
    createRollouts(),
    createQuality(),
    models,
    details,
];
drain.addEventListener('click', () => void drainServer());
document.body.append(element('header', {}, [
    element('h1', {}, ['tensorgate']),
    status,
    who,
    element('span', { class: 'grow' }),
    drain,
]), element('main', {}, [message, keyForm.element, ...sections.map((section) => section.element)]));
async function unload(model) {
    const question = `Unload ${model}? Requests that run are finished, later ones are refused until it is loaded again.`;
    if (await confirmAction(question, 'Unload'))
        await run('unload', { model }, `Unloading ${model} …`);
}
async function drainServer() {
    const question = 'Stop this server? Requests that run are finished, later ones are refused, and then it ends.';
    if (await confirmAction(question, 'Drain'))
        await run('drain', {}, 'Draining …');
}
async function run(name, body, meanwhile) {
    say(meanwhile, 'plain');
    try {
        await api.act(name, body);
        say('', 'plain');
    }
    catch (error) {
        say(error instanceof Error ? error.message : String(error), 'bad');
    }
    await tick();
}
function say(text, kind) {
    setText(message, text);
    message.hidden = text === '';
    message.dataset['kind'] = kind;
}
/** undefined where the caller may not know; the page then shows what the metrics say. */
async function readServer() {
    try {
        const server = await api.server();
        keyForm.show('');
        return server;
    }
    catch (error) {
        const refused = error instanceof ConsoleError && (error.status === 401 || error.status === 403);
        if (!refused)
            throw error;
        keyForm.show(error.message);
        return undefined;
    }
}
async function update() {
    const [reading, server] = await Promise.all([api.metrics(), readServer()]);
    const view = recent.add(reading);
    const mayMove = server?.scopes.includes('admin') === true;
    const state = { view, rows: modelRows(view, server?.index ?? []), reading, mayMove };
    for (const section of sections)
        section.update(state);
    const word = server?.draining === true ? 'draining' : view.server.ready ? 'ready' : 'not ready';
    show(word, word === 'ready' ? 'good' : 'busy');
    setText(who, server === undefined ? view.server.version : `${view.server.version}, as ${server.principal}`);
    drain.hidden = !mayMove || server.draining;
}
function show(word, condition) {
    setText(status, word);
    status.dataset['condition'] = condition;
}
let running;
/** One at a time: a server that is slow is not asked more often for it. */
function tick() {
    running ??= update()
        .catch((error) => {
        show(error instanceof Error ? error.message : String(error), 'bad');
        drain.hidden = true;
    })
        .finally(() => (running = undefined));
    return running;
}
void tick();
setInterval(() => {
    // A page that nobody sees asks for nothing.
    if (!document.hidden)
        void tick();
}, intervalMs);
document.addEventListener('visibilitychange', () => {
    if (!document.hidden)
        void tick();
});
