import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { boundaryOf, readForm } from '../../../../../../src/transport/http/dialects/torchserve/multipart.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

interface Part {
  readonly head: string;
  readonly data: Uint8Array;
}

function formOf(parts: readonly Part[], boundary = 'b'): Buffer {
  const pieces = parts.flatMap(({ head, data }) => [
    Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`),
    data,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
}

describe('boundaryOf', () => {
  const types: readonly (readonly [type: string, boundary: string | undefined])[] = [
    ['multipart/form-data; boundary=abc', 'abc'],
    ['Multipart/Form-Data;charset=x;BOUNDARY="a b"', 'a b'],
    ['application/json', undefined],
    ['multipart/form-data-not', undefined],
    ['', undefined],
  ];
  for (const [type, boundary] of types) {
    it(`of '${type}' is ${boundary ?? 'none'}`, () => assert.equal(boundaryOf(type), boundary));
  }

  it('is needed in a form', () => {
    assert.equal(refusalOf(() => boundaryOf('multipart/form-data')).reason, 'MALFORMED_MESSAGE');
    assert.equal(
      refusalOf(() => boundaryOf(`multipart/form-data; boundary="${'x'.repeat(71)}"`)).reason,
      'MALFORMED_MESSAGE',
    );
  });
});

describe('readForm', () => {
  it('gives the parts of a form, whatever their bytes', () => {
    const data = fc.uint8Array({ maxLength: 50 }).filter((bytes) => !Buffer.from(bytes).includes('\r\n--b'));
    fc.assert(
      fc.property(fc.array(data, { maxLength: 4 }), (contents) => {
        const body = formOf(
          contents.map((bytes) => ({ head: 'Content-Disposition: form-data; name="a"', data: bytes })),
        );
        assert.deepEqual(
          readForm(body, 'b').map((part) => [...part.data]),
          contents.map((bytes) => [...bytes]),
        );
      }),
    );
  });

  it('reads name and type of a part, and leaves its bytes where they are', () => {
    const head =
      'content-type: Application/JSON; charset=utf-8\r\nContent-Disposition: form-data; filename="x;name=y"; name="é"';
    const body = formOf([{ head, data: Buffer.from('[1]') }]);
    const [part] = readForm(body, 'b');
    assert.equal(part?.name, 'é');
    assert.equal(part.contentType, 'application/json');
    assert.equal(part.data.buffer, body.buffer);
  });

  const head = 'Content-Disposition: form-data; name="a"';
  const whole = formOf([{ head, data: Buffer.from('x') }]).toString();
  const broken: readonly (readonly [title: string, body: string])[] = [
    ['nothing', ''],
    ['another boundary', whole.replaceAll('--b', '--c')],
    ['something before the first boundary', `preamble\r\n${whole}`],
    ['no last boundary', whole.slice(0, whole.lastIndexOf('\r\n--b'))],
    ['a boundary that goes on', whole.replace('--b\r\n', '--bx\r\n')],
    ['a part without a head', '--b\r\n\r\nx\r\n--b--\r\n'],
    ['a part without a name', whole.replace('; name="a"', '')],
    ['a part that is no form data', whole.replace('form-data', 'attachment')],
    ['a head that does not end', `--b\r\n${'a'.repeat(5000)}\r\n\r\nx\r\n--b--`],
    [
      'more than 1024 parts',
      formOf(Array.from({ length: 1025 }, () => ({ head, data: Buffer.from('') }))).toString(),
    ],
  ];
  for (const [title, body] of broken) {
    it(`refuses ${title}`, () => {
      assert.equal(refusalOf(() => readForm(Buffer.from(body), 'b')).reason, 'MALFORMED_MESSAGE');
    });
  }
});
