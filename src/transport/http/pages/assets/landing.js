import { readJson } from './ask-for-key.js';

const base = new URL('.', location.href);
const message = document.getElementById('message');

/** An element with children; text is never read as markup. */
function element(name, { className = '', ...properties }, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

function grpcAddress({ port }) {
  return `${location.hostname}:${port === 0 ? base.port || (base.protocol === 'https:' ? 443 : 80) : port}`;
}

/** A call as it is pasted, with the addresses by which this page was reached. */
function callText({ text }, grpc) {
  const places = {
    '{base}': base.href.replace(/\/$/, ''),
    '{host}': base.host + base.pathname.replace(/\/$/, ''),
    '{ssl}': base.protocol === 'https:' ? ', ssl=True' : '',
    '{grpc}': grpc === undefined ? '' : grpcAddress(grpc),
  };
  return text.replace(/\{(?:base|host|ssl|grpc)\}/g, (place) => places[place]);
}

function copyButton(text) {
  const button = element('button', { className: 'copy', type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      // Pages that came over plain HTTP from another machine may not write to the clipboard.
      const range = document.createRange();
      range.selectNodeContents(button.parentElement.querySelector('code'));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = 'Selected';
    }
  });
  return button;
}

function callsOf({ name, calls }, grpc) {
  if (calls.length === 0) return [];
  const view = element('div', { className: 'call' });
  const tabs = calls.map((call, index) => {
    const tab = element('button', { type: 'button', role: 'tab' }, call.title);
    tab.addEventListener('click', () => show(index));
    return tab;
  });
  const show = (index) => {
    tabs.forEach((tab, at) => tab.setAttribute('aria-selected', String(at === index)));
    const text = callText(calls[index], grpc);
    view.replaceChildren(copyButton(text), element('pre', {}, element('code', {}, text)));
  };
  show(0);
  return [
    element('div', { className: 'tabs', role: 'tablist', ariaLabel: `Calls of ${name}` }, ...tabs),
    view,
  ];
}

function tensorsOf(title, tensors) {
  if (tensors.length === 0) return [];
  const lines = tensors.map(({ name, datatype, shape }) =>
    element('li', {}, element('code', {}, name), ` ${datatype} [${shape.join(', ')}]`),
  );
  return [element('div', {}, element('h3', {}, title), element('ul', {}, ...lines))];
}

function cardOf(model, grpc) {
  const { name, version, state, reason, description, inputs, outputs } = model;
  const shown = state === '' ? 'not loaded' : state.toLowerCase();
  return element(
    'article',
    {},
    element(
      'h2',
      {},
      name,
      ' ',
      element('small', {}, version === '' ? '' : `version ${version}`),
      ' ',
      element('span', { className: `state ${shown.replace(' ', '-')}` }, shown),
    ),
    ...[description, reason].filter((text) => text !== '').map((text) => element('p', {}, text)),
    element(
      'div',
      { className: 'tensors' },
      ...tensorsOf('Inputs', inputs),
      ...tensorsOf('Outputs', outputs),
    ),
    ...callsOf(model, grpc),
  );
}

try {
  const { version, grpc, models } = await readJson('docs/models.json', message);
  document.getElementById('version').textContent = version;
  message.textContent =
    models.length === 0 ? 'There is no model in the repository.' : `${models.length} model versions.`;
  if (models.length === 1) message.textContent = 'One model.';
  message.after(...models.map((model) => cardOf(model, grpc)));
} catch (error) {
  message.textContent = `The models could not be read: ${error.message}`;
}
