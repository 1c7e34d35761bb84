import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  encodeMetadata,
  encodeStatusMessage,
  findMetadata,
  listMetadata,
} from '../../../../src/transport/grpc/h2-metadata.ts';
import { HeaderField } from '../../../../src/transport/h2/header-field.ts';

const fields = [
  [':path', '/x'],
  ['content-type', 'application/grpc'],
  ['grpc-timeout', '1S'],
  ['x-text', 'one'],
  ['x-text', 'two'],
  ['x-data-bin', 'AQID,BAU='],
].map(([name, value]) => new HeaderField(name!, value!));

describe('metadata', () => {
  it('gives the first value of a name, as bytes where the name says so', () => {
    assert.equal(findMetadata(fields, 'x-text'), 'one');
    assert.deepEqual(findMetadata(fields, 'x-data-bin'), Buffer.from([1, 2, 3]));
    assert.equal(findMetadata(fields, 'x-none'), undefined);
  });

  it('does not include what belongs to the transport', () => {
    for (const name of [':path', 'content-type', 'grpc-timeout'])
      assert.equal(findMetadata(fields, name), undefined);
    assert.deepEqual(
      [...listMetadata(fields)].map(([name]) => name),
      ['x-text', 'x-text', 'x-data-bin', 'x-data-bin'],
    );
  });

  it('is written so that no value can break out of its header', () => {
    assert.deepEqual(encodeMetadata('x', ' a\r\nset-cookie: b\0 '), ['x', 'aset-cookie: b']);
    assert.deepEqual(encodeMetadata('x-bin', Buffer.from([1])), ['x-bin', 'AQ']);
  });

  it('percent-encodes status messages', () => {
    assert.equal(encodeStatusMessage('plain text ~'), 'plain text ~');
    assert.equal(encodeStatusMessage('100% ü\n\u007f'), '100%25 %C3%BC%0A%7F');
  });
});
