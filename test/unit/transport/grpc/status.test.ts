import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { ServingError } from '../../../../src/errors.ts';
import { grpcStatusCodes, toGrpcStatus } from '../../../../src/transport/grpc/status.ts';

const { root } = protobuf.parse(
  `
  syntax = "proto3";
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Any { string type_url = 1; bytes value = 2; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
`,
  { keepCase: true },
);

describe('gRPC statuses', () => {
  it('have the code of the same name in gRPC', () => {
    for (const [code, number] of Object.entries(grpcStatusCodes)) {
      assert.equal(status[number], code.toUpperCase());
    }
  });

  it('carry the reason as google.rpc.Status with an ErrorInfo', () => {
    const error = new ServingError('not_found', 'no model', { reason: 'MODEL_NOT_FOUND' });
    const { trailers } = toGrpcStatus(error);
    const [name, bytes] = trailers[0] ?? [];
    assert.equal(name, 'grpc-status-details-bin');
    assert.ok(bytes instanceof Uint8Array);
    const details = root.lookupType('Status').toObject(root.lookupType('Status').decode(bytes));
    assert.equal(details['code'], 5);
    assert.equal(details['message'], 'no model');
    const [any] = details['details'] as { type_url: string; value: Uint8Array }[];
    assert.equal(any?.type_url, 'type.googleapis.com/google.rpc.ErrorInfo');
    const info = root
      .lookupType('ErrorInfo')
      .toObject(root.lookupType('ErrorInfo').decode(any?.value ?? Buffer.alloc(0)));
    assert.deepEqual(info, { reason: 'MODEL_NOT_FOUND', domain: 'tensorgate' });
  });

  it('have no trailers without a reason or a time to try again', () => {
    assert.deepEqual(toGrpcStatus(new ServingError('internal', 'x')).trailers, []);
  });

  it('give the time to try again in whole milliseconds, never negative', () => {
    for (const [retryAfterMs, text] of [
      [0.2, '1'],
      [-5, '0'],
      [250, '250'],
    ] as const) {
      const error = new ServingError('resource_exhausted', 'full', { retryAfterMs });
      assert.deepEqual(toGrpcStatus(error).trailers, [['grpc-retry-pushback-ms', text]]);
    }
  });

  it('hide what unexpected errors say', () => {
    assert.deepEqual(toGrpcStatus(new TypeError('/secret')), {
      code: 13,
      message: 'internal error',
      trailers: [],
    });
  });
});
