import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { runChecks, runPython } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findPython, skipUnless } from '../support/tools.ts';

const parameter = (key: string, value: string): string =>
  `parameters { key: "${key}" value { string_value: "${value}" } }`;

function writerConfig(more = ''): string {
  return `max_batch_size: 16
    sequence_batching {
      iterative_sequence: true
      oldest { max_candidate_sequences: 16 }
      state { input_name: "token" output_name: "next_token" data_type: TYPE_INT64 dims: [ 1 ] }
      state { input_name: "hidden" output_name: "next_hidden" data_type: TYPE_FP32 dims: [ 8 ] }
    }
    input [ { name: "token" data_type: TYPE_INT64 dims: [ 1 ] } ]
    output [
      { name: "next_token" data_type: TYPE_INT64 dims: [ 1 ] },
      { name: "scores" data_type: TYPE_FP32 dims: [ 12 ] label_filename: "letters" }
    ]
    ${parameter('stop_output', 'is_end')} ${parameter('max_steps', '40')} ${more}`;
}

const configs = {
  writer: writerConfig('model_transaction_policy { decoupled: true }'),
  last_letter: writerConfig(),
};

const skip = skipUnless(findPython());
const tooFew = availableParallelism() < 2 ? 'needs two cores' : skip;

for (const [where, args, skipped] of [
  ['h2', ['--grpc-transport', 'h2'], skip],
  ['grpc-js', ['--grpc-transport', 'grpc-js'], skip],
  ['I/O threads', ['--grpc-transport', 'h2', '--io-threads', '2'], tooFew],
] as const) {
  test(
    `a decoder whose tokens are answers, as tritonclient reads them on ${where}`,
    { skip: skipped },
    async (t) => {
      using folder = new RepositoryFolder();
      const decoder = join(folder.path, 'decoder.onnx');
      const repository = join(folder.path, 'models');
      await runPython('make_decoder_model.py', [decoder]);
      for (const [name, config] of Object.entries(configs)) {
        mkdirSync(join(repository, name, '1'), { recursive: true });
        folder.put(`models/${name}/config.pbtxt`, config);
        folder.put(`models/${name}/letters`, '.abcdefghijk'.replaceAll(/./g, '$&\n'));
        copyFileSync(decoder, join(repository, name, '1', 'model.onnx'));
      }
      await using server = await startServer({ repository, args });
      await runChecks(t, 'decoupled_checks.py', [server.grpcAddress, server.httpAddress, decoder]);
    },
  );
}

test('the example draws digits line by line, and the other example reads them', async () => {
  const repository = join(import.meta.dirname, '..', '..', 'examples', 'models');
  await using server = await startServer({ repository });
  const models = `http://${server.httpAddress}/v2/models`;
  for (const digit of [0, 3, 7]) {
    const drawn = await fetch(`${models}/draw_digit/generate_stream`, {
      method: 'POST',
      body: JSON.stringify({ digit }),
    });
    const events = (await drawn.text()).trim().split('\n\n');
    const lines = events.map((event) => (JSON.parse(event.replace('data: ', '')) as { line: number[] }).line);
    assert.equal(lines.length, 8);
    const read = await fetch(`${models}/digits/generate`, {
      method: 'POST',
      body: JSON.stringify({ image: lines.flat() }),
    });
    const { probability } = (await read.json()) as { probability: readonly number[] };
    assert.equal(probability.indexOf(Math.max(...probability)), digit);
  }
});
