import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AbsentVersion, RoutingTable } from '../../../src/inference/routing-table.ts';
import { createRouter } from '../../../src/routing/router.ts';
import { buildTarget } from '../../support/build-target.ts';
import { refusalOf } from '../../support/refusal.ts';

const one = buildTarget([], { spec: { version: '1' } });
const ten = buildTarget([], { spec: { version: '10' } });

function tableOf(absent: Readonly<Record<string, AbsentVersion>> = {}): RoutingTable {
  return new Map([
    [
      'm',
      {
        newest: ten,
        ready: new Map([
          ['1', one],
          ['10', ten],
        ]),
        absent: new Map(Object.entries(absent)),
      },
    ],
    ['gone', { newest: undefined, ready: new Map(), absent: new Map(Object.entries(absent)) }],
  ]);
}

const router = createRouter(() => tableOf());

test('a request without a version goes to the newest', () => {
  assert.equal(router.route('m', ''), ten);
});

test('a version is a number, whatever its spelling', () => {
  assert.equal(router.route('m', '1'), one);
  assert.equal(router.route('m', '001'), one);
  assert.equal(router.route('m', '010'), ten);
});

test('the other versions that are ready come newest first, by number and not by spelling', () => {
  const two = buildTarget([], { spec: { version: '2' } });
  const ready = new Map([one, ten, two].map((target) => [target.spec.version, target]));
  const table: RoutingTable = new Map([['m', { newest: ten, ready, absent: new Map() }]]);
  const named = createRouter(() => table).besides({ ...ten, spec: { ...ten.spec, name: 'm' } });
  assert.deepEqual(named, [two, one]);
  assert.deepEqual(router.besides({ ...ten, spec: { ...ten.spec, name: 'unknown' } }), []);
});

const refusals: readonly (readonly [string, string, AbsentVersion | undefined, string, RegExp])[] = [
  ['none', '', undefined, 'not_found', /^Request for unknown model: 'none' is not found$/],
  ['none', '3', undefined, 'not_found', /^Request for unknown model: 'none' version 3 is not found$/],
  ['m', '2', undefined, 'not_found', /^Request for unknown model: 'm' version 2 is not found$/],
  ['m', '2', 'unavailable', 'not_found', /'m' version 2 is not found$/],
  ['m', '2', 'loading', 'unavailable', /'m' version 2 is not at ready state$/],
  ['m', '2', 'unloading', 'unavailable', /'m' version 2 is not at ready state$/],
  ['gone', '', undefined, 'not_found', /'gone' has no available versions$/],
  ['gone', '', 'unavailable', 'not_found', /'gone' has no available versions$/],
  ['gone', '', 'loading', 'unavailable', /'gone' is not at ready state$/],
];

test('while the server starts, a model that is not known yet may still come', () => {
  const starting = createRouter(
    () => tableOf(),
    undefined,
    () => false,
  );
  assert.equal(starting.route('m', ''), ten);
  const refusal = refusalOf(() => starting.route('later', ''));
  assert.equal(refusal.code, 'unavailable');
  assert.match(refusal.message, /'later' is not at ready state$/);
  assert.match(refusalOf(() => starting.route('gone', '')).message, /'gone' is not at ready state$/);
  assert.equal(refusalOf(() => starting.route('m', '7')).code, 'not_found');
});

for (const [model, version, absent, code, text] of refusals) {
  test(`'${model}' version '${version}' is ${code} when version 2 is ${absent ?? 'not there'}`, () => {
    const table = tableOf(absent === undefined ? {} : { 2: absent });
    const refusal = refusalOf(() => createRouter(() => table).route(model, version));
    assert.equal(refusal.code, code);
    assert.match(refusal.message, text);
  });
}

for (const version of ['latest', '-1', '1.5', ' 1', '0x1', '1e3', '9'.repeat(30)]) {
  test(`version ${JSON.stringify(version)} is no integer`, () => {
    const refusal = refusalOf(() => router.route('m', version));
    assert.equal(refusal.code, 'invalid_argument');
    assert.match(refusal.message, /^failed to get model version from specified version string '/);
  });
}

test('names of clients stand in the text without what could break a line', () => {
  const { message } = refusalOf(() => router.route(`x\n${'y'.repeat(5000)}`, ''));
  assert.ok(message.length < 200);
  assert.ok(!message.includes('\n'));
});

test('a table that is swapped is seen by the next request', () => {
  let table: RoutingTable = new Map();
  const swapped = createRouter(() => table);
  assert.equal(refusalOf(() => swapped.route('m', '')).code, 'not_found');
  table = tableOf();
  assert.equal(swapped.route('m', ''), ten);
});
