import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import type { DescribedModel } from '../../../../../src/transport/http/open-api/described-model.ts';
import { modelCalls } from '../../../../../src/transport/http/pages/model-calls.ts';
import { fakeCatalog } from '../../../../support/fake-catalog.ts';

const catalog = fakeCatalog([]);
const grpc = { port: 8001, tls: false };
const options = { plain: false, grpc, keyed: false };

function described(change: Partial<DescribedModel> = {}): DescribedModel {
  return {
    name: 'm',
    key: 'm',
    version: '1',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
    optional: new Set<string>(),
    maxBatchSize: 8,
    decoupled: false,
    sequences: false,
    ...change,
  };
}

function textOf(title: string, model: DescribedModel, change: Partial<typeof options> = {}): string {
  return (
    modelCalls(catalog, model, { ...options, ...change }).find((call) => call.title.includes(title))?.text ??
    ''
  );
}

/** What a shell makes of the words of a call. */
function words(text: string): readonly string[] {
  const script = `printf '%s\\n' ${text.replaceAll(/\{(base|grpc)\}/g, '$1')}`;
  return execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
}

test('names of tensors reach the server through a shell as they are', () => {
  const name = `it's $(id) "\`x\`" \\ !`;
  const model = described({ inputs: [{ name, datatype: 'INT64', shape: [1] }] });
  for (const title of ['Open Inference', 'grpcurl']) {
    const body = words(textOf(title, model)).find((word) => word.startsWith('{')) ?? '';
    const { inputs } = JSON.parse(body) as { inputs: readonly { readonly name: string }[] };
    assert.deepEqual(
      inputs.map((input) => input.name),
      [name],
    );
  }
  assert.ok(textOf('Python', model).includes(JSON.stringify(name)));
});

test('a model that answers several times is asked for a stream', () => {
  const model = described({ decoupled: true });
  assert.match(textOf('Open Inference', model), /\/infer_stream/);
  assert.match(textOf('grpcurl', model), /\/ModelStreamInfer$/);
  assert.equal(textOf('Python', model), '');
});

test('a model whose requests belong together is shown a sequence of one', () => {
  const model = described({ sequences: true });
  assert.match(textOf('Open Inference', model), /"sequence_id":1,"sequence_start":true,"sequence_end":true/);
  assert.match(textOf('grpcurl', model), /"sequence_start":\{"bool_param":true\}/);
  assert.match(textOf('Python', model), /sequence_id=1, sequence_start=True, sequence_end=True/);
});

test('inputs that may be left out are left out', () => {
  const x = { name: 'x', datatype: 'FP32', shape: [1] };
  const model = described({ inputs: [x, { ...x, name: 'more' }], optional: new Set(['more']) });
  for (const title of ['Open Inference', 'grpcurl', 'Python'])
    assert.doesNotMatch(textOf(title, model), /more/);
});

test('texts travel in base64 where the form of a message has bytes', () => {
  const model = described({ inputs: [{ name: 'x', datatype: 'BYTES', shape: [1] }] });
  assert.match(textOf('grpcurl', model), /"bytes_contents":\["dGV4dA=="\]/);
  assert.match(textOf('Open Inference', model), /"data":\["text"\]/);
});

test('a call by gRPC is shown where gRPC is, and without TLS where that is so', () => {
  assert.match(textOf('grpcurl', described()), /^grpcurl -plaintext/);
  assert.doesNotMatch(textOf('grpcurl', described(), { grpc: { port: 0, tls: true } }), /plaintext/);
  assert.ok(
    modelCalls(catalog, described(), { ...options, grpc: undefined }).every(
      ({ title }) => title !== 'grpcurl',
    ),
  );
});

test('half floats and long tensors are not written out', () => {
  for (const input of [
    { name: 'x', datatype: 'FP16', shape: [1] },
    { name: 'x', datatype: 'FP32', shape: [3, 224, 224] },
  ]) {
    const titles = modelCalls(catalog, described({ inputs: [input] }), options).map(({ title }) => title);
    assert.deepEqual(titles, ['Python']);
  }
});
