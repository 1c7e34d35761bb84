import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detailLines } from '../../../src/cli/top-details.ts';
import { modelTable, serverLines } from '../../../src/cli/top-screen.ts';
import { TopState, type TopView } from '../../../src/cli/top-state.ts';
import { viewOf } from '../../../src/console/live-view.ts';
import { modelRows, type IndexLine } from '../../../src/console/model-rows.ts';
import { parseReading } from '../../../src/console/reading.ts';
import { metricsText } from '../../support/metrics-text.ts';

function view(models: readonly string[], index: readonly IndexLine[] = []): TopView {
  const text = models
    .map((model, number) => metricsText({ model, answered: [['grpc', [10 * (number + 1), 5, 1, 0]]] }))
    .join('');
  const live = viewOf(parseReading(text, 1_010_000), undefined);
  return { view: live, rows: modelRows(live, index) };
}

const size = { columns: 80, rows: 24 };

function texts(state: TopState): readonly string[] {
  return state.lines(size).map(({ text }) => text);
}

function selected(state: TopState): string | undefined {
  return state
    .lines(size)
    .find(({ style }) => style === 'selected')
    ?.text.split(' ')[0];
}

test('a screen has as many lines as the terminal and none is wider, with many models of long names', () => {
  const state = new TopState('127.0.0.1:8002');
  const names = Array.from({ length: 100 }, (_, number) => `a_model_whose_name_is_long_${number}`);
  state.update(view(names), '');
  const lines = texts(state);
  assert.equal(lines.length, 24);
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
  assert.match(lines[4] ?? '', /^MODEL +VER +REQ\/S .*STATE$/);
});

test('models are sorted by rate, and by name after three presses of s', () => {
  const state = new TopState('x');
  state.update(view(['b', 'c', 'a']), '');
  const names = (): readonly string[] =>
    texts(state)
      .slice(5, 8)
      .map((line) => line[0] ?? '');
  assert.deepEqual(names(), ['a', 'c', 'b']);
  for (let press = 0; press < 3; press++) state.press('sort', 18);
  assert.deepEqual(names(), ['a', 'b', 'c']);
});

test('the selection moves, stays with its model, and scrolls the table', () => {
  const state = new TopState('x');
  const names = Array.from({ length: 40 }, (_, number) => `m${String(number).padStart(2, '0')}`);
  state.update(view(names), '');
  assert.equal(selected(state), 'm39');
  state.press('down', 18);
  assert.equal(selected(state), 'm38');
  state.press('page down', 18);
  assert.equal(selected(state), 'm20');
  state.update(view(names), '');
  assert.equal(selected(state), 'm20');
  for (let press = 0; press < 100; press++) state.press('down', 18);
  assert.equal(selected(state), 'm00');
  for (let press = 0; press < 100; press++) state.press('up', 18);
  assert.equal(selected(state), 'm39');
  assert.match(texts(state)[5] ?? '', /^m39/);
});

test('enter shows the details of the selected model, and enter again the table', () => {
  const state = new TopState('x');
  state.update(view(['digits']), '');
  state.press('enter', 18);
  assert.match(texts(state)[4] ?? '', /^digits {2}version 1 {2}ready$/);
  assert.equal(texts(state).length, 24);
  state.press('back', 18);
  assert.match(texts(state)[4] ?? '', /^MODEL/);
});

test('a server that no longer answers leaves the last numbers, and the reason in the last line', () => {
  const state = new TopState('x');
  assert.deepEqual(texts(state).at(-1), 'reading ...');
  state.update(view(['digits']), '');
  state.fail('no metrics at x');
  assert.equal(texts(state).at(-1), 'no metrics at x');
  assert.match(texts(state)[5] ?? '', /^digits/);
});

test('wider terminals show more columns', () => {
  const { rows } = view(['digits']);
  const heads = (width: number): readonly string[] => modelTable(rows, width)[0]?.text.split(/ +/) ?? [];
  assert.equal(heads(80).includes('WAIT'), false);
  assert.ok(heads(92).includes('WAIT'));
  assert.ok(heads(104).includes('SHARE'));
  assert.ok(modelTable(rows, 80).every(({ text }) => text.length <= 80));
});

test('names and reasons of a server cannot move the cursor', () => {
  const { view: live } = view([]);
  const rows = modelRows(live, [
    { name: 'x\u001b[2J', version: '1', state: 'UNAVAILABLE', reason: 'a\u001b]0;b\u0007' },
  ]);
  const lines = [...modelTable(rows, 80).map(({ text }) => text), ...detailLines(rows[0]!)];
  // oxlint-disable-next-line no-control-regex
  assert.ok(lines.every((line) => !/[\u0000-\u001f]/.test(line)));
});

test('the lines about the server fit into 80 columns also with large numbers', () => {
  const { view: live } = view(['digits']);
  const server = {
    ...live.server,
    uptimeSeconds: 999 * 86_400,
    requestsPerSecond: 99_999,
    failuresPerSecond: 99,
    cpuCores: 63.5,
    machineCpu: 1,
    residentBytes: 2e10,
    heldBytes: 1e9,
    heldLimitBytes: 6e10,
    grpcConnections: 9999,
  };
  const lines = serverLines({ ...live, server }, '192.168.100.100:8002');
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
});
