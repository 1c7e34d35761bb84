import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeFiles } from '../../../../src/transport/grpc/file-descriptors.ts';
import { MessageQueue } from '../../../../src/transport/grpc/message-queue.ts';
import { inferenceService } from '../../../../src/transport/grpc/protocol-method.ts';
import { createReflectionMethods } from '../../../../src/transport/grpc/reflection.ts';
import { FakeCall, FakeReply } from '../../../support/fake-call.ts';
import { decodeMessage, encodeMessage, type Plain } from '../../../support/protobuf-reference.ts';

/** Asks one version of the protocol several questions on one stream. */
async function ask(...requests: Plain[]): Promise<Plain[]> {
  const replies: Plain[][] = [];
  for (const method of createReflectionMethods([inferenceService()])) {
    const messages = new MessageQueue({ pause() {}, resume() {} });
    for (const request of requests)
      messages.push(encodeMessage('grpc.reflection.v1.ServerReflectionRequest', request));
    messages.end();
    const reply = new FakeReply();
    await method.handle(messages, reply, new FakeCall());
    replies.push(
      reply.sent.map((bytes) => decodeMessage('grpc.reflection.v1.ServerReflectionResponse', bytes)),
    );
  }
  const [v1 = [], v1alpha] = replies;
  assert.deepEqual(v1, v1alpha);
  return v1;
}

describe('reflection', () => {
  it('lists the services, and itself', async () => {
    const [reply] = await ask({ host: 'h', list_services: '*' });
    assert.ok(reply !== undefined);
    const { service } = reply['list_services_response'] as { service: Plain[] };
    assert.deepEqual(
      service.map(({ name }) => name),
      [
        'inference.GRPCInferenceService',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
      ],
    );
    assert.equal(reply['valid_host'], 'h');
  });

  it('finds files by name and by any symbol, with all that they import', async () => {
    const replies = await ask(
      { file_by_filename: 'grpc_service.proto' },
      { file_containing_symbol: 'inference.GRPCInferenceService' },
      { file_containing_symbol: 'inference.GRPCInferenceService.ModelInfer' },
      { file_containing_symbol: 'inference.ModelInferRequest.InferInputTensor' },
      { file_containing_symbol: 'inference.ModelConfig' },
      { file_containing_symbol: 'inference.ModelInput.Format' },
    );
    const counts = replies.map(
      (reply) =>
        (reply['file_descriptor_response'] as { file_descriptor_proto: Buffer[] }).file_descriptor_proto
          .length,
    );
    assert.deepEqual(counts, [2, 2, 2, 2, 1, 1]);
  });

  it('answers what it does not know within the stream', async () => {
    const replies = await ask(
      { file_by_filename: 'other.proto' },
      { file_containing_symbol: 'no.Such' },
      { all_extension_numbers_of_type: 'no.Such' },
      { file_containing_extension: { containing_type: 'inference.ModelConfig', extension_number: 1 } },
      {},
      { all_extension_numbers_of_type: 'inference.ModelConfig' },
    );
    const codes = replies.map((reply) => (reply['error_response'] as Plain | null)?.['error_code']);
    assert.deepEqual(codes, [5, 5, 5, 5, 3, undefined]);
  });

  it('names types in full and map entries as protoc does, which clients in Go insist on', () => {
    const files = describeFiles('grpc_service.proto');
    assert.deepEqual(
      files.map(({ name, imports }) => [name, imports]),
      [
        ['model_config.proto', []],
        ['grpc_service.proto', ['model_config.proto']],
      ],
    );
    const [config, service] = files;
    assert.ok(service !== undefined && config !== undefined);
    assert.ok(service.bytes.includes('.inference.ModelInferRequest.InferInputTensor.ParametersEntry'));
    assert.ok(service.bytes.includes('.inference.ModelConfig'));
    assert.ok(config.bytes.includes('.inference.ModelDynamicBatching.PriorityQueuePolicyEntry'));
    assert.ok(config.symbols.includes('inference.ModelConfig'));
    assert.ok(!service.symbols.includes('inference.ModelConfig'));
  });
});
