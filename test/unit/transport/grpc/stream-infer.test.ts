import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/errors.ts';
import type { CallContext } from '../../../../src/inference/call-context.ts';
import type { Infer } from '../../../../src/inference/infer.ts';
import { noParameters, type InferRequest } from '../../../../src/inference/request.ts';
import { InferRequestDecoder } from '../../../../src/transport/grpc/infer-request-decoder.ts';
import { InferResponseEncoder } from '../../../../src/transport/grpc/infer-response-encoder.ts';
import { MessageQueue } from '../../../../src/transport/grpc/message-queue.ts';
import { createStreamInferRpc } from '../../../../src/transport/grpc/stream-infer.ts';
import type { Tensor } from '../../../../src/inference/tensor.ts';
import { zeros } from '../../../support/build-request.ts';
import { FakeCall, FakeReply } from '../../../support/fake-call.ts';
import { FakeClock, settled } from '../../../support/fake-clock.ts';
import { Latch } from '../../../support/latch.ts';
import {
  decodeResponse,
  decodeStreamResponse,
  encodeRequest,
  type Plain,
} from '../../../support/protobuf-reference.ts';

/** An inference that the test answers by hand. */
interface Asked {
  readonly request: InferRequest;
  readonly context: CallContext;
  answer(outputs?: readonly Tensor[]): void;
  /** An answer of a decoupled model that is not the last. */
  part(outputs?: readonly Tensor[]): Promise<void>;
  refuse(error: Error): void;
}

class Stream {
  readonly asked: Asked[] = [];
  readonly reply = new FakeReply();
  readonly call: FakeCall;
  readonly messages = new MessageQueue({ pause() {}, resume() {} });
  readonly ended: Promise<unknown>;

  constructor(metadata: Record<string, string> = {}) {
    this.call = new FakeCall(metadata);
    const infer: Infer = (request, context) => {
      const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Infer>>>();
      const { model, id } = request;
      const of = (outputs: readonly Tensor[]) => ({
        model,
        version: '1',
        id,
        outputs,
        parameters: noParameters,
      });
      context.decoupled = model === 'decoupled';
      this.asked.push({
        request,
        context,
        answer: (outputs = []) => resolve(of(outputs)),
        part: (outputs = [zeros('y', [1])]) =>
          context.takeAnswer?.(of(outputs)) ?? assert.fail('takes one answer'),
        refuse: reject,
      });
      return promise;
    };
    const codec = { decoder: new InferRequestDecoder(1 << 20), encoder: new InferResponseEncoder() };
    const rpc = createStreamInferRpc(infer, codec, new FakeClock());
    this.ended = rpc.handle(this.messages, this.reply, this.call).then(
      () => 'OK',
      (error: unknown) => error,
    );
  }

  send(id: string, rest: Plain = {}): void {
    this.messages.push(encodeRequest({ model_name: 'm', id, ...rest }));
  }

  replies(): Plain[] {
    return this.reply.sent.map(decodeStreamResponse);
  }

  /** The id of each answer, with a mark for the last of its request and one for failures. */
  marks(): string[] {
    return this.replies().map(({ error_message: error, infer_response: response }) => {
      const { id, parameters } = response as Plain;
      const { triton_final_response: final } = parameters as Record<string, { bool_param: boolean }>;
      const last = final === undefined ? '?' : final.bool_param ? '.' : '';
      return `${String(id)}${last}${error === '' ? '' : '!'}`;
    });
  }

  ids(): unknown[] {
    return this.replies().map((reply) => (reply['infer_response'] as Plain)['id']);
  }
}

const broken = { inputs: [{ name: 'x', datatype: 'FP32' }] };

describe('ModelStreamInfer', () => {
  it('answers in the order of the requests, whatever order they finish in', async () => {
    const stream = new Stream();
    for (const id of ['a', 'b', 'c']) stream.send(id);
    await settled();
    stream.asked[2]?.answer();
    stream.asked[1]?.answer();
    await settled();
    assert.deepEqual(stream.ids(), []);
    stream.asked[0]?.answer();
    stream.messages.end();
    assert.equal(await stream.ended, 'OK');
    assert.deepEqual(stream.ids(), ['a', 'b', 'c']);
    for (const reply of stream.replies()) {
      assert.equal(reply['error_message'], '');
      const { parameters } = reply['infer_response'] as Plain;
      assert.deepEqual(parameters, { triton_final_response: { bool_param: true } });
    }
  });

  it('reports failures in their place, with the id, and goes on', async () => {
    const stream = new Stream();
    stream.send('good');
    stream.send('undecodable', broken);
    stream.send('refused');
    stream.send('unexpected');
    stream.send('last');
    await settled();
    const [good, refused, unexpected, last] = stream.asked;
    good?.answer();
    refused?.refuse(new ServingError('not_found', 'no such model'));
    unexpected?.refuse(new TypeError('secret'));
    last?.answer();
    stream.messages.end();
    assert.equal(await stream.ended, 'OK');
    assert.deepEqual(stream.ids(), ['good', 'undecodable', 'refused', 'unexpected', 'last']);
    const errors = stream.replies().map((reply) => reply['error_message']);
    assert.match(String(errors[1]), /unable to find data for input tensor 'x'/);
    assert.deepEqual([errors[0], ...errors.slice(2)], ['', 'no such model', 'internal error', '']);
  });

  it('ends with the status of the first failure when the client asks for that', async () => {
    const stream = new Stream({ triton_grpc_error: 'true' });
    stream.send('good');
    stream.send('bad');
    stream.send('after');
    await settled();
    stream.asked[1]?.refuse(new ServingError('not_found', 'no such model'));
    await settled();
    stream.asked[0]?.answer();
    const ended = await stream.ended;
    assert.ok(ended instanceof ServingError);
    assert.equal(ended.code, 'not_found');
    assert.deepEqual(stream.ids(), ['good']);
    assert.equal(stream.asked[2]?.context.cancelled, true);
  });

  it('ends on bytes that are no message', async () => {
    const stream = new Stream();
    stream.messages.push(Buffer.from([10, 200]));
    const ended = await stream.ended;
    assert.ok(ended instanceof ServingError);
    assert.equal(ended.code, 'invalid_argument');
  });

  it('cancels what is under way when the call is cancelled', async () => {
    const stream = new Stream();
    stream.send('a');
    stream.send('b');
    await settled();
    stream.call.context.cancel();
    const ended = await stream.ended;
    assert.ok(ended instanceof ServingError);
    assert.equal(ended.code, 'cancelled');
    assert.deepEqual(
      stream.asked.map(({ context }) => context.cancelled),
      [true, true],
    );
  });

  it('finishes the context of each request when its answer is written, failed or not', async () => {
    const stream = new Stream();
    const finished: string[] = [];
    stream.send('a');
    stream.send('b');
    await settled();
    for (const { request, context } of stream.asked) context.onFinished(() => finished.push(request.id));
    stream.asked[1]?.refuse(new ServingError('unavailable', 'x'));
    await settled();
    assert.deepEqual(finished, []);
    stream.asked[0]?.answer();
    await settled();
    assert.deepEqual(finished, ['a', 'b']);
    stream.messages.end();
    await stream.ended;
  });

  it('reads no further while 64 requests are under way', async () => {
    const stream = new Stream();
    for (let index = 0; index < 100; index++) stream.send(String(index));
    await settled();
    assert.equal(stream.asked.length, 64);
    stream.asked[0]?.answer();
    await settled();
    assert.equal(stream.asked.length, 65);
    stream.messages.end();
    for (let index = 1; index < 100; index++) {
      await settled();
      stream.asked[index]?.answer();
    }
    assert.equal(await stream.ended, 'OK');
    assert.deepEqual(
      stream.ids(),
      Array.from({ length: 100 }, (_, index) => String(index)),
    );
  });

  const decoupled = { model_name: 'decoupled' };
  const wantsEmpty = { parameters: { triton_enable_empty_final_response: { bool_param: true } } };

  it('sends what decoupled models answer as it is made, between what waits for its turn', async () => {
    const stream = new Stream();
    stream.send('slow');
    stream.send('a', decoupled);
    stream.send('b', decoupled);
    stream.send('next');
    await settled();
    const [slow, a, b, next] = stream.asked;
    assert.ok(slow && a && b && next);
    await Promise.all([a.part(), b.part(), a.part()]);
    next.answer();
    b.answer([zeros('y', [1])]);
    await settled();
    assert.deepEqual(stream.marks(), ['a', 'b', 'a', 'b.']);
    slow.answer();
    await settled();
    assert.deepEqual(stream.marks().slice(4), ['slow.', 'next.']);
    stream.messages.end();
    a.answer([zeros('y', [1])]);
    assert.equal(await stream.ended, 'OK');
    assert.deepEqual(stream.marks().slice(6), ['a.']);
  });

  it('sends a last answer without outputs only to who asked for it', async () => {
    const stream = new Stream();
    stream.send('quiet', decoupled);
    stream.send('told', { ...decoupled, ...wantsEmpty });
    await settled();
    for (const asked of stream.asked) {
      await asked.part();
      asked.answer();
    }
    stream.messages.end();
    assert.equal(await stream.ended, 'OK');
    assert.deepEqual(stream.marks(), ['quiet', 'told', 'told.']);
  });

  it('sends bare responses in the form of MLServer, none that is empty, and a status for a failure', async () => {
    const stream = new Stream({ 'tensorgate-stream-form': 'mlserver' });
    stream.send('a', { ...decoupled, ...wantsEmpty });
    stream.send('b');
    await settled();
    await stream.asked[0]?.part();
    stream.asked[0]?.answer();
    stream.asked[1]?.answer([zeros('y', [1])]);
    await settled();
    const answers = stream.reply.sent.map(decodeResponse);
    assert.deepEqual(
      answers.map(({ id, parameters }) => [id, parameters]),
      [
        ['a', {}],
        ['b', {}],
      ],
    );
    stream.send('c');
    await settled();
    stream.asked[2]?.refuse(new ServingError('not_found', 'no such model'));
    const ended = await stream.ended;
    assert.ok(ended instanceof ServingError);
    assert.equal(ended.code, 'not_found');
  });

  it('sends what Triton sends in any other form', async () => {
    const stream = new Stream({ 'tensorgate-stream-form': 'triton' });
    stream.send('a');
    await settled();
    stream.asked[0]?.answer();
    await settled();
    assert.deepEqual(stream.marks(), ['a.']);
  });

  it('marks the failure of a decoupled request as the last of its answers', async () => {
    const stream = new Stream();
    stream.send('a', decoupled);
    stream.send('one answer');
    await settled();
    await stream.asked[0]?.part();
    stream.asked[0]?.refuse(new ServingError('internal', 'broken'));
    stream.asked[1]?.refuse(new ServingError('internal', 'broken'));
    stream.messages.end();
    assert.equal(await stream.ended, 'OK');
    assert.deepEqual(stream.marks(), ['a', 'a.!', 'one answer?!']);
  });

  it('gives the transport one message at a time, and makes who answers wait for it', async () => {
    const stream = new Stream();
    const room = new Latch();
    stream.reply.room = room.opened;
    stream.send('a', decoupled);
    stream.send('b', decoupled);
    await settled();
    let taken = 0;
    for (const asked of stream.asked) void asked.part().then(() => taken++);
    await settled();
    assert.deepEqual([stream.marks(), taken], [['a'], 0]);
    room.open();
    await settled();
    assert.deepEqual([stream.marks(), taken], [['a', 'b'], 2]);
    for (const asked of stream.asked) asked.answer();
    stream.messages.end();
    assert.equal(await stream.ended, 'OK');
  });

  it('takes no more answers once the call is cancelled', async () => {
    const stream = new Stream();
    stream.send('a', decoupled);
    await settled();
    stream.call.context.cancel();
    await assert.rejects(stream.asked[0]?.part() ?? Promise.resolve(), { code: 'cancelled' });
    assert.equal(stream.asked[0]?.context.cancelled, true);
    await stream.ended;
    assert.deepEqual(stream.marks(), []);
  });
});
