import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mediaType } from '../../../../../src/transport/http/dialects/media-type.ts';

const known = [
  ['application/json', 'application/json', {}],
  ['Text/CSV; charset="UTF-8"; header=absent', 'text/csv', { header: 'absent' }],
  ['application/x.y+json;json-header-size=12', 'application/x.y+json', { 'json-header-size': '12' }],
] as const;

for (const [header, name, parameters] of known) {
  test(`${header} is understood`, () => {
    assert.deepEqual(mediaType(header), { name, parameters: new Map(Object.entries(parameters)) });
  });
}

for (const header of [undefined, '', 'json', 'text/csv; charset=latin1', 'text/csv; header', 'a/b c']) {
  test(`${header} is not understood`, () => assert.equal(mediaType(header), undefined));
}
