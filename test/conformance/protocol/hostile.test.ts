import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { loadedModels, models } from './support/models.ts';
import { encodeInfer } from './support/protocol-client.ts';
import { assertDecent, elements, mlp, one, rawOutput, rowsOf } from './support/requests.ts';
import { Serving, transports } from './support/serving.ts';

/** Names that have hurt servers. */
const names = [
  '../../../etc/passwd',
  '/etc/passwd',
  '..\\..\\x',
  '%2e%2e%2f',
  'a\u0000b',
  '\u001b[2J',
  '\r\ngrpc-status: 0',
  '__proto__',
  'constructor',
  '${x}',
  '%s%s%n',
  'x'.repeat(100_000),
  '💥'.repeat(5000),
];

function numbered(count: number, name: string): object[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${name}${i}`, datatype: 'FP32', shape: [1, 16] }));
}

function manyParameters(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, { int64_param: i }]));
}

/** Requests that decode, and claim what cannot be. */
const claims: readonly (readonly [title: string, request: object])[] = [
  [
    'a shape of 2^40 elements with 64 bytes',
    one('floats', { datatype: 'FP32', shape: [1, 2 ** 40] }, rowsOf(1)),
  ],
  [
    'a shape without elements that claims 2^52',
    one('floats', { datatype: 'FP32', shape: [1, 0] }, rowsOf(1)),
  ],
  [
    'an empty dimension beside a huge one',
    one('scale', { datatype: 'FP32', shape: [0, 2 ** 52] }, Buffer.alloc(0)),
  ],
  [
    'the largest int64 as a dimension',
    one('floats', { datatype: 'FP32', shape: [1, '9223372036854775807'] }, rowsOf(1)),
  ],
  [
    'the smallest int64 as a dimension',
    one('floats', { datatype: 'FP32', shape: [1, '-9223372036854775808'] }, rowsOf(1)),
  ],
  [
    '64 dimensions of 2',
    one('floats', { datatype: 'FP32', shape: Array.from({ length: 64 }, () => 2) }, rowsOf(1)),
  ],
  [
    'a thousand dimensions',
    one('floats', { datatype: 'FP32', shape: Array.from({ length: 1000 }, () => 1) }, rowsOf(1)),
  ],
  [
    'a million BYTES elements in four bytes',
    one('text', { datatype: 'BYTES', shape: [1, 1_000_000] }, elements('')),
  ],
  [
    'a BYTES element of 4 GiB',
    one('text', { datatype: 'BYTES', shape: [1, 1] }, Buffer.from([255, 255, 255, 255, 1])),
  ],
  ['a thousand inputs', mlp({ inputs: numbered(1000, 'x'), raw_input_contents: [] })],
  ['ten thousand inputs', mlp({ inputs: numbered(10_000, 'x'), raw_input_contents: [] })],
  [
    'a thousand times the same input',
    mlp({
      inputs: Array.from({ length: 1000 }, () => ({ name: 'x', datatype: 'FP32', shape: [1, 16] })),
      raw_input_contents: Array.from({ length: 1000 }, () => rowsOf(1)),
    }),
  ],
  ['ten thousand outputs', mlp({ outputs: numbered(10_000, 'y').map((_, i) => ({ name: `y${i}` })) })],
  [
    'ten thousand times the same output',
    mlp({ outputs: Array.from({ length: 10_000 }, () => ({ name: 'y' })) }),
  ],
  [
    'ten thousand raw tensors',
    mlp({ raw_input_contents: Array.from({ length: 10_000 }, () => Buffer.alloc(0)) }),
  ],
  ['ten thousand parameters', mlp({ parameters: manyParameters(10_000) })],
  [
    'ten thousand parameters of an output',
    mlp({ outputs: [{ name: 'y', parameters: manyParameters(10_000) }] }),
  ],
  [
    'a classification of more classes than there are numbers',
    mlp({ outputs: [{ name: 'q', parameters: { classification: { int64_param: '9223372036854775807' } } }] }),
  ],
  ...names.flatMap((name): [string, object][] => {
    const shown = JSON.stringify(name.slice(0, 20));
    return [
      [`a model named ${shown}`, mlp({ model_name: name })],
      [`a version named ${shown}`, mlp({ model_version: name })],
      [`an input named ${shown}`, mlp({ inputs: [{ name, datatype: 'FP32', shape: [1, 16] }] })],
      [`an output named ${shown}`, mlp({ outputs: [{ name }] })],
      [`a datatype named ${shown}`, mlp({ inputs: [{ name: 'x', datatype: name, shape: [1, 16] }] })],
      [
        `a parameter named triton_${shown}`,
        mlp({ parameters: { [`triton_${name}`]: { bool_param: true } } }),
      ],
    ];
  }),
];

/** A length-delimited field. */
function nested(field: number, content: Buffer): Buffer {
  const size: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    size.push(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...size]), content]);
}

function deep(levels: number): Buffer {
  let message: Buffer = Buffer.alloc(0);
  for (let level = 0; level < levels; level++) message = nested(5, message);
  return message;
}

const good = encodeInfer(mlp());

/** Bytes that are no ModelInferRequest. */
const garbage: readonly (readonly [title: string, bytes: Buffer])[] = [
  ['a message cut off in a tensor', good.subarray(0, good.length - 1)],
  ['a message cut off in a name', good.subarray(0, 3)],
  ['a length of 2 GiB', Buffer.from([58, 255, 255, 255, 255, 7])],
  ['a length of eleven bytes', Buffer.concat([Buffer.from([58]), Buffer.alloc(11, 255)])],
  ['a tag that never ends', Buffer.alloc(64, 255)],
  ['field number 0', Buffer.from([2, 1, 65])],
  ['a wire type that does not exist', Buffer.from([15, 1])],
  ['an end without a start of a group', Buffer.from([12])],
  ['a name that is no UTF-8', nested(1, Buffer.from([0xff, 0xfe]))],
  ['groups within groups, ten thousand deep', Buffer.alloc(10_000, ((100 << 3) % 128) | 3)],
  ['inputs within inputs, ten thousand deep', deep(10_000)],
];

for (const transport of transports) {
  describe(`hostile requests on ${transport}`, () => {
    let serving: Serving;
    let alone: Buffer;

    before(async () => {
      serving = await Serving.start(transport, models, {
        models: { controlMode: 'explicit', load: loadedModels },
      });
      alone = rawOutput(await serving.client.call('ModelInfer', mlp()));
    });
    after(() => serving[Symbol.asyncDispose]());

    for (const [title, request] of claims) {
      it(`hardening 5.2: ${title}`, async () => {
        const { client } = serving;
        const [outcome, beside] = await Promise.all([
          client.call('ModelInfer', request),
          client.call('ModelInfer', mlp()),
        ]);
        assert.notEqual(outcome.code, status.OK);
        assertDecent(outcome);
        assert.deepEqual(rawOutput(beside), alone);
      });
    }

    for (const [title, bytes] of garbage) {
      it(`hardening 5.7: ${title}`, async () => {
        const outcome = await serving.client.send('ModelInfer', bytes);
        assert.equal(status[outcome.code], 'INVALID_ARGUMENT', outcome.details);
        assertDecent(outcome);
        assert.deepEqual(rawOutput(await serving.client.call('ModelInfer', mlp())), alone);
      });
    }

    it('hardening 5.7: no prefix of a good message is answered with an internal error', async () => {
      const { client } = serving;
      for (let length = 0; length < good.length; length++) {
        const outcome = await client.send('ModelInfer', good.subarray(0, length));
        assertDecent(outcome);
        assert.notEqual(outcome.code, status.OK, `${length} bytes were taken for a request`);
      }
    });

    it('hardening 5.7: no flipped bit of a good message is answered with an internal error', async () => {
      const { client } = serving;
      // Metadata only: flipped bits of the tensor are other numbers, which are answered.
      const metadata = good.length - rowsOf(1).length;
      for (let bit = 0; bit < metadata * 8; bit++) {
        const damaged = Buffer.from(good);
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assertDecent(await client.send('ModelInfer', damaged));
      }
      assert.deepEqual(rawOutput(await client.call('ModelInfer', mlp())), alone);
    });

    it('hardening 5.7: elements that are no text fail their own request, and none that shares its batch', async () => {
      const { client } = serving;
      const send = (element: string | Buffer): ReturnType<typeof client.call> =>
        client.call('ModelInfer', one('text', { datatype: 'BYTES', shape: [1, 1] }, elements(element)));
      const sent = Array.from({ length: 64 }, (_, i) => (i % 4 === 3 ? Buffer.from([0xff]) : `text ${i}`));
      for (let round = 0; round < 3; round++) {
        const outcomes = await Promise.all(sent.map(send));
        for (const [i, outcome] of outcomes.entries()) {
          if (i % 4 === 3) assert.equal(status[outcome.code], 'INVALID_ARGUMENT');
          else assert.deepEqual(rawOutput(outcome), elements(`text ${i}`), outcome.details);
        }
      }
    });

    it('hardening 5.3: what a refused request held is given back', async () => {
      const { client } = serving;
      const large = one('floats', { datatype: 'FP32', shape: [1, 3] }, Buffer.alloc(1 << 20));
      for (let i = 0; i < 100; i++)
        assert.equal((await client.call('ModelInfer', large)).code, status.INVALID_ARGUMENT);
      assert.deepEqual(rawOutput(await client.call('ModelInfer', mlp())), alone);
    });
  });

  describe(`a byte budget of 1 MiB on ${transport}`, () => {
    it('hardening 5.3: sheds what does not fit, with advice only where trying again can help', async () => {
      await using serving = await Serving.start(
        transport,
        { floats: models['floats'] ?? { fixture: 'identity_fp32' } },
        { server: { byteBudget: 1 << 20 } },
      );
      const { client } = serving;
      const half = one('floats', { datatype: 'FP32', shape: [1, 150_000] }, Buffer.alloc(600_000));
      const outcomes = await Promise.all(Array.from({ length: 12 }, () => client.call('ModelInfer', half)));
      const codes = new Set(outcomes.map(({ code }) => status[code]));
      assert.ok(codes.has('OK'));
      for (const outcome of outcomes) {
        assertDecent(outcome);
        if (status[outcome.code] === 'OK') continue;
        assert.equal(status[outcome.code], 'RESOURCE_EXHAUSTED', outcome.details);
        assert.match(outcome.details, /^overloaded: /);
        assert.ok(Number(outcome.trailers.get('grpc-retry-pushback-ms')[0]) > 0);
      }
      const whole = one('floats', { datatype: 'FP32', shape: [1, 300_000] }, Buffer.alloc(1_200_000));
      const never = await client.call('ModelInfer', whole);
      assert.equal(status[never.code], 'RESOURCE_EXHAUSTED');
      assert.match(never.details, /--byte-budget/);
      assert.deepEqual(never.trailers.get('grpc-retry-pushback-ms'), []);
      assert.equal((await client.call('ModelInfer', half)).code, status.OK);
    });
  });
}
