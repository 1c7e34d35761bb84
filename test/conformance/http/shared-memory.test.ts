import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { models } from '../protocol/support/models.ts';
import { rowsOf } from '../protocol/support/requests.ts';
import { Serving } from '../protocol/support/serving.ts';
import { SharedObject } from '../../support/shared-object.ts';

const system = '/v2/systemsharedmemory';
const cuda = '/v2/cudasharedmemory';

function place(region: string, sizeBytes: number, offset = 0): object {
  return {
    shared_memory_region: region,
    shared_memory_byte_size: sizeBytes,
    ...(offset === 0 ? {} : { shared_memory_offset: offset }),
  };
}

const whole = place('in', 64);
const fits = place('out', 16);

function shared(input: object, output: object): object {
  return {
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 16], parameters: input }],
    outputs: [{ name: 'y', parameters: output }],
  };
}

type Refused = readonly [title: string, path: string, body: object, status: number, text: string];

const infer = '/v2/models/mlp/infer';

const cases: readonly Refused[] = [
  ['an input in an unknown region', infer, shared(place('nowhere', 64), fits), 404, 'Unable to find shared'],
  ['an output in an unknown region', infer, shared(whole, place('nowhere', 16)), 404, "region: 'nowhere'"],
  ['an offset behind the region', infer, shared(place('in', 64, 64), fits), 400, 'Invalid offset for shared'],
  [
    'a size over the end',
    infer,
    shared(place('in', 64, 1), fits),
    400,
    "Invalid offset + byte size for shared memory region: 'in'",
  ],
  ['an output without room', infer, shared(whole, place('out', 15)), 400, '(15 bytes) should be at least 16'],
  [
    'classes in shared memory',
    infer,
    shared(whole, { ...fits, classification: 1 }),
    400,
    "set both 'shared_memory_region' and 'classification'",
  ],
  [
    'binary data and shared memory for an output',
    infer,
    shared(whole, { ...fits, binary_data: true }),
    400,
    "Output can't set both 'shared_memory_region' and 'binary_data'",
  ],
  [
    'binary data and shared memory for an input',
    infer,
    shared({ ...whole, binary_data_size: 64 }, fits),
    400,
    'Input must set only one of the following fields',
  ],
  ['registering without a name', `${system}/register`, { key: 'k', byte_size: 1 }, 400, "'region name' is"],
  ['registering without a key', `${system}/region/a/register`, { byte_size: 1 }, 400, "no 'key' field"],
  ['registering without a size', `${system}/region/a/register`, { key: 'k' }, 400, "no 'byte_size' field"],
  [
    'registering a size that is none',
    `${system}/region/a/register`,
    { key: 'k', byte_size: -1 },
    400,
    "Unable to parse 'byte_size'",
  ],
  [
    'registering what is not there',
    `${system}/region/a/register`,
    { key: '../x', byte_size: 1 },
    400,
    "Unable to open shared memory region: '../x'",
  ],
  [
    'registering CUDA memory',
    `${cuda}/region/gpu/register`,
    { raw_handle: { b64: '' }, device_id: 0, byte_size: 1 },
    400,
    "failed to register CUDA shared memory region: 'gpu', GPUs not supported",
  ],
];

describe('shared memory over HTTP', () => {
  let serving: Serving;
  let base: string;
  let input: SharedObject;
  let output: SharedObject;

  async function post(path: string, body: object = {}): Promise<{ status: number; reply: unknown }> {
    const response = await fetch(base + path, { method: 'POST', body: JSON.stringify(body) });
    const text = await response.text();
    return { status: response.status, reply: text === '' ? undefined : JSON.parse(text) };
  }

  async function ok(path: string, body?: object): Promise<unknown> {
    const { status, reply } = await post(path, body);
    assert.equal(status, 200, JSON.stringify(reply));
    return reply;
  }

  async function get(path: string): Promise<{ status: number; reply: unknown }> {
    const response = await fetch(base + path);
    return { status: response.status, reply: await response.json() };
  }

  before(async () => {
    const { mlp } = models;
    assert.ok(mlp);
    serving = await Serving.start('h2', { mlp }, { security: { allowClientShm: true } });
    base = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  beforeEach(async () => {
    input = new SharedObject(rowsOf(1));
    output = new SharedObject(Buffer.alloc(32, 255));
    await ok(`${system}/region/in/register`, { key: input.key, byte_size: 64 });
    await ok(`${system}/region/out/register`, { key: output.key, offset: 8, byte_size: 16 });
  });
  afterEach(async () => {
    await ok(`${system}/unregister`);
    await ok(`${cuda}/unregister`);
    input[Symbol.dispose]();
    output[Symbol.dispose]();
  });

  for (const [title, path, body, status, text] of cases) {
    it(`1.7: ${title}`, async () => {
      const outcome = await post(path, body);
      const { error } = outcome.reply as { error: string };
      assert.equal(outcome.status, status, error);
      assert.ok(error.includes(text), error);
      assert.doesNotMatch(error, /\/dev\/shm|ENOENT/);
    });
  }

  it('2: status is a list of one region or of all, and of no CUDA region', async () => {
    assert.deepEqual(await get(`${system}/status`), {
      status: 200,
      reply: [
        { name: 'in', key: input.key, offset: 0, byte_size: 64 },
        { name: 'out', key: output.key, offset: 8, byte_size: 16 },
      ],
    });
    const { reply } = await get(`${system}/region/out/status`);
    assert.equal((reply as object[]).length, 1);
    assert.deepEqual(await get(`${cuda}/status`), { status: 200, reply: [] });
    assert.equal((await get(`${cuda}/region/in/status`)).status, 404);
    assert.equal((await get(`${system}/region/nowhere/status`)).status, 404);
  });

  it('2: names in the path are percent-decoded', async () => {
    await ok(`${system}/region/a%2Fb%20c/register`, { key: input.key, byte_size: 64 });
    assert.equal((await get(`${system}/region/a%2Fb%20c/status`)).status, 200);
    const { reply } = await get(`${system}/status`);
    assert.ok((reply as { name: string }[]).some(({ name }) => name === 'a/b c'));
    await ok(`${system}/region/a%2Fb%20c/unregister`);
    assert.equal((await get(`${system}/region/a%2Fb%20c/status`)).status, 404);
  });

  it('1.7: a name is taken once', async () => {
    const again = await post(`${system}/region/in/register`, { key: input.key, byte_size: 64 });
    assert.equal(again.status, 400);
    assert.deepEqual(again.reply, { error: "shared memory region 'in' already in manager" });
  });

  it('2.1: tensors in shared memory are the same as in the body, which then holds none of them', async () => {
    const body = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 16], data: Array(16).fill(0.5) }] };
    const plain = (await ok(infer, body)) as { outputs: readonly [{ data: number[] }] };
    const expected = plain.outputs[0].data;
    assert.deepEqual(await ok(infer, { id: '7', ...shared(whole, fits) }), {
      id: '7',
      model_name: 'mlp',
      model_version: '1',
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 4], parameters: fits }],
    });
    const written = output.read();
    const numbers = Array.from({ length: 4 }, (_, index) => written.readFloatLE(8 + index * 4));
    assert.deepEqual(numbers.map(Math.fround), expected.map(Math.fround));
    const { outputs: _, ...onlyInput } = shared(whole, fits) as { outputs: unknown };
    const answered = (await ok(infer, onlyInput)) as typeof plain;
    assert.deepEqual(answered.outputs[0].data, expected);
  });

  it('2: regions are the same over HTTP and gRPC', async () => {
    const { reply } = await serving.client.call('SystemSharedMemoryStatus', { name: 'in' });
    assert.deepEqual(reply, {
      regions: { in: { name: 'in', key: input.key, offset: '0', byte_size: '64' } },
    });
  });
});
