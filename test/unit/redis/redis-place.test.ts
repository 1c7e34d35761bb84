import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { placeOfUrl } from '../../../src/redis/redis-place.ts';

const nowhere = {
  nodes: ['host:6379'],
  mode: 'single',
  sentinelName: '',
  username: undefined,
  password: undefined,
  passwordFile: undefined,
  database: undefined,
  tls: false,
};

for (const [url, place] of [
  ['redis://host:6379', {}],
  ['redis://host', { nodes: ['host'] }],
  ['redis://host:6379/', {}],
  ['redis://host:6379/3', { database: 3 }],
  ['rediss://host:6379', { tls: true }],
  ['redis://[::1]:7000', { nodes: ['[::1]:7000'] }],
  ['redis://ada@host:6379', { username: 'ada' }],
  ['redis://:secret@host:6379', { password: 'secret' }],
  ['redis://a%40b:p%3Aq:r@host:6379', { username: 'a@b', password: 'p:q:r' }],
  ['redis://one:1,two:2', { nodes: ['one:1', 'two:2'] }],
] satisfies [string, object][]) {
  test(`${url} says where Redis is and as whom to go there`, () => {
    assert.deepEqual(placeOfUrl({ url }), { ...nowhere, ...place });
  });
}

for (const url of ['redis://', 'host:6379', 'redis://host/name', 'redis://host:6379?family=6']) {
  test(`${url} is refused`, () => {
    assert.throws(
      () => placeOfUrl({ url }),
      (error) => error instanceof ServingError && error.code === 'failed_precondition',
    );
  });
}
