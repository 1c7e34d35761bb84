import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ServingError } from '../../../../../src/errors.ts';
import { CallContext } from '../../../../../src/inference/call-context.ts';
import { plainErrorReply } from '../../../../../src/transport/http/dialects/plain/invalid-features.ts';
import { readPredict } from '../../../../../src/transport/http/dialects/plain/read-predict.ts';
import { readTable } from '../../../../../src/transport/http/dialects/tables/read-table.ts';
import { noNames } from '../../../../../src/transport/http/endpoint-table.ts';
import { decodeInferRequest } from '../../../../../src/transport/http/infer-request.ts';
import { LargeJson, largeBytes, readBody } from '../../../../../src/transport/http/large-json/large-json.ts';
import { fakeCatalog } from '../../../../support/fake-catalog.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';

const inputs = [{ name: 'x', datatype: 'FP32', shape: [-1] }];
const catalog = fakeCatalog([{ name: 'm', versions: ['1'], platform: '', inputs, outputs: [] }]);
const maxBytes = 64 << 20;

function context(): CallContext {
  return new CallContext(0, Infinity);
}

function inferBody(text: string): Parameters<typeof decodeInferRequest>[0] {
  return { model: 'm', version: '', bytes: Buffer.from(text), jsonBytes: undefined, maxBytes };
}

function predictBody(text: string): Parameters<LargeJson['read']>[1] & Parameters<typeof plain>[0] {
  const path = { ...noNames, model: 'm' };
  return { defaultModel: '', path, bytes: Buffer.from(text), form: 'single', maxBytes };
}

function plain(asked: Omit<Parameters<typeof readPredict>[0], 'catalog'>): ReturnType<typeof readPredict> {
  return readPredict({ ...asked, catalog });
}

async function failureOf(read: () => unknown): Promise<ServingError> {
  try {
    await read();
  } catch (error) {
    if (error instanceof ServingError) return error;
  }
  throw new Error('nothing was refused');
}

function refusedWith(reason: string): (error: unknown) => boolean {
  return (error) => error instanceof ServingError && error.reason === reason;
}

/** What tensors are views of is of no matter. */
function plainBytes(value: unknown): unknown {
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  if (value instanceof Map || value instanceof Set) return [...value].map(plainBytes);
  if (Array.isArray(value)) return value.map(plainBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plainBytes(field)]));
}

describe('large bodies', () => {
  let large: LargeJson;
  before(() => {
    large = new LargeJson(catalog, new FakeClock());
  });
  after(() => large[Symbol.dispose]());

  it('are read to the same requests as small ones', async () => {
    const floats = Array.from({ length: 20_000 }, (_, index) => index / 8).join(',');
    const asked = inferBody(
      `{"id":"ä","parameters":{"a":9007199254740993,"b":true},"inputs":[
        {"name":"x","datatype":"FP32","shape":[20000],"data":[${floats}]},
        {"name":"t","datatype":"BYTES","shape":[2],"data":["\\u00e9","b"]},
        {"name":"e","datatype":"INT64","shape":[0],"data":[]}],
        "outputs":[{"name":"y","parameters":{"binary_data":true}}]}`,
    );
    const decoded = await large.read('infer', asked, context());
    assert.deepEqual(plainBytes(decoded), plainBytes(decodeInferRequest(asked)));
  });

  it('are read with what the catalog says of the model', async () => {
    const asked = predictBody('{"features":[1,2.5,3]}');
    assert.deepEqual(plainBytes(await large.read('plain', asked, context())), plainBytes(plain(asked)));
    const table = {
      model: 'm',
      version: '',
      bytes: Buffer.from('1,2\n3,4\n'),
      maxBytes,
      form: 'unnamed',
    } as const;
    assert.deepEqual(
      plainBytes(await large.read('table', table, context())),
      plainBytes(readTable(table, catalog)),
    );
  });

  it('are refused as small ones are, with code, text and details', async () => {
    for (const text of ['{"inputs":7}', '{"inputs":[{"name":"x"}]}', '{']) {
      const error = await failureOf(() => large.read('infer', inferBody(text), context()));
      const { code, message, reason } = await failureOf(() => decodeInferRequest(inferBody(text)));
      assert.deepEqual([error.code, error.message, error.reason], [code, message, reason]);
    }
    for (const text of ['{"features":["a",1,null]}', '{"features":[1],"model":"m"}']) {
      const asked = predictBody(text);
      const error = await failureOf(() => large.read('plain', asked, context()));
      assert.deepEqual(plainErrorReply(error), plainErrorReply(await failureOf(() => plain(asked))));
    }
    const unknown = { ...predictBody('{"features":[1]}'), path: { ...noNames, model: 'none' } };
    assert.equal((await failureOf(() => large.read('plain', unknown, context()))).code, 'not_found');
  });

  it('are not read any more when nobody waits for them', async () => {
    const gone = context();
    const first = large.read('infer', inferBody('{"inputs":[]}'), context());
    const second = large.read('infer', inferBody('{"inputs":[]}'), gone);
    gone.cancel();
    await assert.rejects(second, refusedWith('CANCELLED'));
    assert.deepEqual((await first).request.inputs, []);
  });

  it('are refused when too many wait, and those that wait are read in their order', async () => {
    const order: number[] = [];
    const reads = Array.from({ length: 65 }, (_, index) =>
      large.read('infer', inferBody('{"inputs":[]}'), context()).then(() => order.push(index)),
    );
    await assert.rejects(
      large.read('infer', inferBody('{"inputs":[]}'), context()),
      refusedWith('LARGE_BODIES_EXCEEDED'),
    );
    await Promise.all(reads);
    assert.deepEqual(
      order,
      order.map((_, index) => index),
    );
  });
});

describe('the thread for large bodies', () => {
  it('ends when it had nothing to do for a while, and starts again', async () => {
    const clock = new FakeClock();
    using large = new LargeJson(catalog, clock);
    await large.read('infer', inferBody('{"inputs":[]}'), context());
    clock.advance(10_000);
    assert.deepEqual((await large.read('infer', inferBody('{"inputs":[]}'), context())).request.inputs, []);
  });

  it('lets nobody wait who asks when the server ends', async () => {
    const large = new LargeJson(catalog, new FakeClock());
    const reads = [1, 2].map(() => large.read('infer', inferBody('{"inputs":[]}'), context()));
    large[Symbol.dispose]();
    for (const read of reads) await assert.rejects(read, refusedWith('SHUTTING_DOWN'));
    await assert.rejects(large.read('infer', inferBody('{}'), context()), refusedWith('SHUTTING_DOWN'));
  });

  it('reads bodies from the size on at which they are large, and only their JSON counts', async () => {
    using largeJson = new LargeJson(catalog, new FakeClock());
    const call = { context: context(), largeJson };
    const read = (text: string, sizeBytes?: number): unknown =>
      readBody(call, 'infer', inferBody(text), {
        read: decodeInferRequest,
        ...(sizeBytes === undefined ? {} : { sizeBytes }),
      });
    const padded = `{"inputs":[]${' '.repeat(largeBytes)}}`;
    assert.ok(!(read('{"inputs":[]}') instanceof Promise));
    assert.ok(!(read(padded, 100) instanceof Promise));
    const decoded = read(padded);
    assert.ok(decoded instanceof Promise);
    await decoded;
  });
});
