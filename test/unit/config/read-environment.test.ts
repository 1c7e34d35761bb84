import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEnvironment } from '../../../src/config/read-environment.ts';

test('variables are named after the flags, lists are separated by commas', () => {
  const { given, notices } = readEnvironment({
    TENSORGATE_MODEL_REPOSITORY: 'a, b',
    TENSORGATE_GRPC_PORT: '12',
    TENSORGATE_ALLOW_SETTINGS: 'TRUE',
    TENSORGATE_SERVER_ID: '',
    TENSORGATE_DIALECTS: 'none',
    PATH: '/bin',
  });
  assert.deepEqual(notices, []);
  assert.deepEqual(
    given.map(({ path, value }) => [path, value]),
    [
      ['models.repositories', ['a', 'b']],
      ['grpc.port', 12],
      ['security.allowSettings', true],
      ['server.dialects', []],
    ],
  );
});

test('an unknown variable is noticed with the nearest name', () => {
  assert.deepEqual(readEnvironment({ TENSORGATE_GRPC_PROT: '1' }).notices, [
    'TENSORGATE_GRPC_PROT is not a variable of this server; did you mean TENSORGATE_GRPC_PORT?',
  ]);
});

test('what Kubernetes sets for a Service of our name is not taken for ours', () => {
  const reading = readEnvironment({
    TENSORGATE_GRPC_PORT: 'tcp://10.0.0.1:8001',
    TENSORGATE_SERVICE_HOST: '10.0.0.1',
    TENSORGATE_SERVICE_PORT_GRPC: '8001',
    TENSORGATE_PORT_8001_TCP_ADDR: '10.0.0.1',
  });
  assert.deepEqual(reading, { given: [], problems: [], notices: [] });
});

test("the command line client's own variables are not the server's", () => {
  assert.deepEqual(readEnvironment({ TENSORGATE_ADDRESS: 'a:1', TENSORGATE_API_KEY: 'k' }).notices, []);
});
