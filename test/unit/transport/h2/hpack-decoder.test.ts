import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ConnectionError } from '../../../../src/transport/h2/connection-error.ts';
import { HpackDecoder } from '../../../../src/transport/h2/hpack-decoder.ts';
import { encodeHeaderBlock } from '../../../../src/transport/h2/hpack-encode.ts';

function decode(decoder: HpackDecoder, block: Buffer): [string, string][] {
  return decoder.decode(block, 0, block.length).fields.map(({ name, value }) => [name, value]);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

const firstRequest = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const requests = [
  firstRequest,
  [...firstRequest, ['cache-control', 'no-cache']],
  [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ],
];
const dated = ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'];
const located = ['location', 'https://www.example.com'];
const responses = [
  [[':status', '302'], ['cache-control', 'private'], dated, located],
  [[':status', '307'], ['cache-control', 'private'], dated, located],
  [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    located,
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ],
];

/** RFC 7541, appendix C. The response examples assume a table of 256 bytes, which the first block asks for here. */
const shrinkTo256 = '3fe101';
const examples: Record<string, { blocks: string[]; lists: string[][][] }> = {
  'C.3, requests without Huffman code': {
    lists: requests,
    blocks: [
      '828684410f7777772e6578616d706c652e636f6d',
      '828684be58086e6f2d6361636865',
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    ],
  },
  'C.4, requests with Huffman code': {
    lists: requests,
    blocks: [
      '828684418cf1e3c2e5f23a6ba0ab90f4ff',
      '828684be5886a8eb10649cbf',
      '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    ],
  },
  'C.5, responses without Huffman code': {
    lists: responses,
    blocks: [
      `${shrinkTo256}4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
      '4803333037c1c0bf',
      '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
    ],
  },
  'C.6, responses with Huffman code': {
    lists: responses,
    blocks: [
      `${shrinkTo256}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
      '4883640effc1c0bf',
      '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
    ],
  },
};

describe('HPACK decoding', () => {
  for (const [name, { blocks, lists }] of Object.entries(examples)) {
    it(`gives the fields of RFC 7541 ${name}`, () => {
      const decoder = new HpackDecoder(65_536);
      for (const [index, block] of blocks.entries())
        assert.deepEqual(decode(decoder, hex(block)), lists[index]);
    });
  }

  it('reads the single-field examples of C.2', () => {
    const cases: [string, [string, string]][] = [
      ['400a637573746f6d2d6b65790d637573746f6d2d686561646572', ['custom-key', 'custom-header']],
      ['040c2f73616d706c652f70617468', [':path', '/sample/path']],
      ['100870617373776f726406736563726574', ['password', 'secret']],
      ['82', [':method', 'GET']],
    ];
    for (const [block, field] of cases) assert.deepEqual(decode(new HpackDecoder(4096), hex(block)), [field]);
  });

  const errors: Record<string, string> = {
    'index 0': '80',
    'an index beyond the tables': 'be',
    'a literal whose name index is beyond the tables': '7f8001',
    'a string longer than the block': '000a61',
    'a missing string': '0001 61',
    'an integer cut off': 'ff',
    'an integer without end': 'ffffffffffffffff',
    'an integer in more bytes than any value needs': '0f8080808080800000',
    'a table larger than announced': '3fe21f',
    'a table size update after a field': '82 20',
    'Huffman padding of more than seven bits': '0081ff 00',
    'Huffman padding with zeros': '008118 00',
    'the EOS symbol in a Huffman string': '0084ffffffff 00',
  };
  for (const [name, block] of Object.entries(errors)) {
    it(`fails the connection on ${name}`, () => {
      const bytes = hex(block);
      assert.throws(
        () => new HpackDecoder(4096).decode(bytes, 0, bytes.length),
        (error) => error instanceof ConnectionError && error.code === 9,
      );
    });
  }

  it('says when the list is too large, and keeps the table right all the same', () => {
    const decoder = new HpackDecoder(100);
    const long = `40 03 616263 7f01 ${'78'.repeat(128)}`;
    const list = decoder.decode(hex(long), 0, hex(long).length);
    assert.equal(list.sizeBytes, 3 + 128 + 32);
    assert.equal(list.fields.length, 0);
    const again = decoder.decode(hex('be'), 0, 1);
    assert.equal(again.sizeBytes, 3 + 128 + 32);
  });

  it('keeps what was cut off in the table for later requests', () => {
    const decoder = new HpackDecoder(40);
    const block = hex('40 01 61 01 62 40 01 63 01 64');
    assert.equal(decoder.decode(block, 0, block.length).fields.length, 1);
    assert.deepEqual(decode(decoder, hex('be')), [['c', 'd']]);
    assert.deepEqual(decode(decoder, hex('bf')), [['a', 'b']]);
  });

  it('forgets everything when a field larger than the table arrives', () => {
    const decoder = new HpackDecoder(65_536);
    const large = Buffer.concat([hex('40 01 61 7f 81 1f'), Buffer.alloc(4096, 'x')]);
    decode(decoder, hex('40 01 61 01 62'));
    assert.equal(decode(decoder, large).length, 1);
    assert.throws(() => decode(decoder, hex('be')), ConnectionError);
  });

  it('reads back whatever the encoder writes', () => {
    const text = fc.string({
      unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
    });
    const names = fc.oneof(fc.constantFrom(':path', 'content-type', 'te', 'grpc-status'), text);
    fc.assert(
      fc.property(fc.array(fc.tuple(names, text), { maxLength: 20 }), (fields) => {
        assert.deepEqual(decode(new HpackDecoder(1 << 20), encodeHeaderBlock(fields)), fields);
      }),
      { numRuns: 50 },
    );
  });
});
