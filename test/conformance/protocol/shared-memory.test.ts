import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { SharedObject } from '../../support/shared-object.ts';
import { models } from './support/models.ts';
import type { Message } from './support/protocol-client.ts';
import { assertDecent, elements, mlp, outputsOf, rawOutput, rowsOf } from './support/requests.ts';
import { Serving, transports } from './support/serving.ts';

/** Parameters of a tensor that stands in shared memory. */
function place(region: string, sizeBytes: number, offset = 0): object {
  return {
    shared_memory_region: { string_param: region },
    shared_memory_byte_size: { int64_param: sizeBytes },
    ...(offset === 0 ? {} : { shared_memory_offset: { int64_param: offset } }),
  };
}

/** A request to mlp: its input, of 64 bytes, and its output, of 16, in shared memory. */
function shared(input: object, output: object): object {
  return {
    model_name: 'mlp',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 16], parameters: input }],
    outputs: [{ name: 'y', parameters: output }],
  };
}

interface Refused {
  readonly title: string;
  readonly rpc: string;
  readonly request: object;
  readonly code: keyof typeof status;
  readonly text: string;
}

function refused(
  title: string,
  request: object,
  text: string,
  code: Refused['code'] = 'INVALID_ARGUMENT',
): Refused {
  return { title, rpc: 'ModelInfer', request, code, text };
}

function rpc(name: string, request: object, text: string, code: Refused['code']): Refused {
  return { title: `${name} is refused: ${text}`, rpc: name, request, code, text };
}

const whole = place('in', 64);
const fits = place('out', 16);

const cases: readonly Refused[] = [
  refused(
    'an input in an unknown region',
    shared(place('nowhere', 64), fits),
    "Unable to find shared memory region: 'nowhere'",
    'NOT_FOUND',
  ),
  refused(
    'an output in an unknown region',
    shared(whole, place('nowhere', 16)),
    "Unable to find shared memory region: 'nowhere'",
    'NOT_FOUND',
  ),
  refused(
    'an offset behind the region',
    shared(place('in', 64, 64), fits),
    "Invalid offset for shared memory region: 'in'",
  ),
  refused(
    'a negative offset',
    shared(place('in', 64, -1), fits),
    "Invalid offset for shared memory region: 'in'",
  ),
  refused(
    'a size that reaches over the end of the region',
    shared(place('in', 64, 1), fits),
    "Invalid offset + byte size for shared memory region: 'in'",
  ),
  refused(
    'a size that has not the shape’s bytes',
    shared(place('in', 60), fits),
    "input byte size mismatch for input 'x' for model 'mlp'. Expected 64, got 60",
  ),
  refused(
    'an output that has no room',
    shared(whole, place('out', 15)),
    "shared memory size specified with the request for output 'y' (15 bytes) should be at least 16 bytes to hold the results",
  ),
  refused(
    'a place without a size',
    shared({ shared_memory_region: { string_param: 'in' } }, fits),
    "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'x'",
  ),
  refused(
    'an offset without a region',
    shared({ shared_memory_offset: { int64_param: 1 } }, fits),
    "'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor 'x'",
  ),
  refused(
    'a region that is a number',
    shared({ ...whole, shared_memory_region: { int64_param: 1 } }, fits),
    "invalid value type for 'shared_memory_region' parameter for tensor 'x', expected string_param.",
  ),
  refused(
    'contents beside a place',
    {
      model_name: 'mlp',
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [1, 16], parameters: whole, contents: { fp32_contents: [1] } },
      ],
    },
    "unexpected 'content' provided when using shared memory for input tensor 'x' for model 'mlp'",
  ),
  refused(
    'raw contents beside a place',
    { ...shared(whole, fits), raw_input_contents: [rowsOf(1)] },
    "unexpected additional input data for model 'mlp'",
  ),
  refused(
    'classes in shared memory',
    shared(whole, { ...fits, classification: { int64_param: 2 } }),
    "output can't set both 'shared_memory_region' and 'classification'",
  ),
  rpc(
    'SystemSharedMemoryStatus',
    { name: 'nowhere' },
    "Unable to find system shared memory region: 'nowhere'",
    'NOT_FOUND',
  ),
  rpc(
    'SystemSharedMemoryRegister',
    { name: 'a', key: '/tensorgate-nowhere', byte_size: 1 },
    "Unable to open shared memory region: '/tensorgate-nowhere'",
    'INVALID_ARGUMENT',
  ),
  rpc(
    'SystemSharedMemoryRegister',
    { name: 'a', key: '../../etc/passwd', byte_size: 1 },
    "Unable to open shared memory region: '../../etc/passwd'",
    'INVALID_ARGUMENT',
  ),
  rpc(
    'CudaSharedMemoryStatus',
    { name: 'nowhere' },
    "Unable to find cuda shared memory region: 'nowhere'",
    'NOT_FOUND',
  ),
  rpc(
    'CudaSharedMemoryStatus',
    { name: 'in' },
    "The region named 'in' is registered as system shared memory, not CUDA shared memory",
    'NOT_FOUND',
  ),
  rpc(
    'CudaSharedMemoryRegister',
    { name: 'gpu', raw_handle: Buffer.alloc(64), byte_size: 64 },
    "failed to register CUDA shared memory region: 'gpu', GPUs not supported",
    'INVALID_ARGUMENT',
  ),
];

for (const transport of transports) {
  describe(`shared memory on ${transport}`, () => {
    let serving: Serving;
    let input: SharedObject;
    let output: SharedObject;

    async function ok(name: string, request: object): Promise<Message> {
      const { code, details, reply } = await serving.client.call(name, request);
      assert.equal(code, status.OK, details);
      return reply;
    }

    before(async () => {
      const { mlp: served, text } = models;
      assert.ok(served && text);
      serving = await Serving.start(transport, { mlp: served, text }, { security: { allowClientShm: true } });
    });
    after(() => serving[Symbol.asyncDispose]());

    beforeEach(async () => {
      input = new SharedObject(rowsOf(1));
      output = new SharedObject(Buffer.alloc(32, 255));
      await ok('SystemSharedMemoryRegister', { name: 'in', key: input.key, byte_size: 64 });
      await ok('SystemSharedMemoryRegister', { name: 'out', key: output.key, offset: 8, byte_size: 16 });
    });
    afterEach(async () => {
      await ok('SystemSharedMemoryUnregister', {});
      await ok('CudaSharedMemoryUnregister', {});
      input[Symbol.dispose]();
      output[Symbol.dispose]();
    });

    for (const { title, rpc: name, request, code, text } of cases) {
      it(`1.7: ${title}`, async () => {
        const before = output.read();
        const outcome = await serving.client.call(name, request);
        assert.equal(status[outcome.code], code, outcome.details);
        assert.ok(outcome.details.startsWith(text), outcome.details);
        assertDecent(outcome);
        assert.deepEqual(output.read(), before);
      });
    }

    it('1.2: status tells of one region or of all, and of no CUDA region', async () => {
      const { regions } = await ok('SystemSharedMemoryStatus', {});
      assert.deepEqual(Object.keys(regions as object).sort(), ['in', 'out']);
      assert.deepEqual(await ok('SystemSharedMemoryStatus', { name: 'out' }), {
        regions: { out: { name: 'out', key: output.key, offset: '8', byte_size: '16' } },
      });
      assert.deepEqual(await ok('CudaSharedMemoryStatus', {}), { regions: {} });
    });

    it('1.7: a region cannot be registered twice, or beyond the end of its object', async () => {
      const again = await serving.client.call('SystemSharedMemoryRegister', {
        name: 'in',
        key: input.key,
        byte_size: 64,
      });
      assert.equal(status[again.code], 'ALREADY_EXISTS');
      assert.equal(again.details, "shared memory region 'in' already in manager");
      const large = await serving.client.call('SystemSharedMemoryRegister', {
        name: 'large',
        key: input.key,
        byte_size: '18446744073709551615',
      });
      assert.equal(status[large.code], 'INVALID_ARGUMENT');
      assert.equal(large.details, "failed to register shared memory region 'large': invalid args");
    });

    it('1.3: tensors in shared memory are the same as in messages, which then hold none of them', async () => {
      const expected = rawOutput(await serving.client.call('ModelInfer', mlp()));
      const answer = await serving.client.call('ModelInfer', shared(whole, fits));
      assert.equal(answer.code, status.OK, answer.details);
      assert.equal(rawOutput(answer).length, 0);
      assert.deepEqual(outputsOf(answer)[0]?.['shape'], ['1', '4']);
      assert.deepEqual(Object.keys(outputsOf(answer)[0]?.['parameters'] as object).sort(), [
        'shared_memory_byte_size',
        'shared_memory_region',
      ]);
      const written = output.read();
      assert.deepEqual(written.subarray(8, 24), expected);
      assert.deepEqual([...written.subarray(0, 8), ...written.subarray(24)], Array(16).fill(255));
    });

    it('1.3: only the input, or only the output, may stand in shared memory', async () => {
      const expected = rawOutput(await serving.client.call('ModelInfer', mlp()));
      const fromMemory = await serving.client.call('ModelInfer', { ...shared(whole, fits), outputs: [] });
      assert.deepEqual(rawOutput(fromMemory), expected);
      for (let turn = 0; turn < 2; turn++) {
        output.write(Buffer.alloc(32));
        await ok('ModelInfer', mlp({ outputs: [{ name: 'y', parameters: fits }] }));
        assert.deepEqual(output.read().subarray(8, 24), expected);
      }
    });

    it('1.3: BYTES go both ways with their lengths', async () => {
      using object = new SharedObject(Buffer.concat([Buffer.alloc(4), elements('ab', ''), Buffer.alloc(32)]));
      await ok('SystemSharedMemoryRegister', { name: 'texts', key: object.key, byte_size: 46 });
      const request = (outputBytes: number): object => ({
        model_name: 'text',
        inputs: [{ name: 'x', datatype: 'BYTES', shape: [1, 2], parameters: place('texts', 10, 4) }],
        outputs: [{ name: 'y', parameters: place('texts', outputBytes, 14) }],
      });
      const answer = await serving.client.call('ModelInfer', request(32));
      assert.equal(answer.code, status.OK, answer.details);
      assert.deepEqual(outputsOf(answer)[0]?.['parameters'], {
        shared_memory_region: { parameter_choice: 'string_param', string_param: 'texts' },
        shared_memory_byte_size: { parameter_choice: 'int64_param', int64_param: '10' },
        shared_memory_offset: { parameter_choice: 'int64_param', int64_param: '14' },
      });
      assert.deepEqual(object.read().subarray(14, 24), elements('ab', ''));
      const tooSmall = await serving.client.call('ModelInfer', request(9));
      assert.equal(status[tooSmall.code], 'INVALID_ARGUMENT');
      assert.match(tooSmall.details, /for output 'y' \(9 bytes\) should be at least 10 bytes/);
    });

    it('1.5: each request of a stream may have its tensors in shared memory', async () => {
      const expected = rawOutput(await serving.client.call('ModelInfer', mlp()));
      const stream = serving.client.stream();
      const replies: Message[] = [];
      stream.on('data', (reply: Message) => replies.push(reply));
      stream.write(shared(whole, fits));
      stream.write(shared(place('nowhere', 64), fits));
      stream.end();
      await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
      assert.deepEqual(
        replies.map((reply) => reply['error_message']),
        ['', "Unable to find shared memory region: 'nowhere'"],
      );
      assert.deepEqual(output.read().subarray(8, 24), expected);
    });

    it('hardening: an object that becomes shorter while it is registered fails its requests and no others', async () => {
      input.truncate(10);
      const reading = await serving.client.call('ModelInfer', shared(whole, fits));
      assert.equal(status[reading.code], 'FAILED_PRECONDITION');
      assert.equal(reading.details, "shared memory region 'in' is smaller than when it was registered");
      output.truncate(10);
      const writing = await serving.client.call(
        'ModelInfer',
        mlp({ outputs: [{ name: 'y', parameters: fits }] }),
      );
      assert.equal(status[writing.code], 'FAILED_PRECONDITION');
      assert.equal(output.read().length, 10);
      await ok('ModelInfer', mlp());
    });

    it('1.7: a region that was unregistered is not found, and can be registered anew', async () => {
      await ok('SystemSharedMemoryUnregister', { name: 'in' });
      await ok('SystemSharedMemoryUnregister', { name: 'in' });
      const gone = await serving.client.call('ModelInfer', shared(whole, fits));
      assert.equal(status[gone.code], 'NOT_FOUND');
      await ok('SystemSharedMemoryRegister', { name: 'in', key: input.key, byte_size: 64 });
      await ok('ModelInfer', shared(whole, fits));
    });
  });
}
