import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { assertDecent } from './support/requests.ts';
import { Serving, transports } from './support/serving.ts';

const config = 'max_batch_size: 4 sequence_batching { max_sequence_idle_microseconds: 60000000 direct {} }';

const id = (value: number): object => ({ sequence_id: { int64_param: value } });
const start = { sequence_start: { bool_param: true } };

const refused = [
  ['no correlation ID', {}, 1, 'must specify a non-zero or non-empty correlation ID'],
  ['the correlation ID 0', { ...id(0), ...start }, 1, 'non-zero or non-empty correlation ID'],
  [
    'an empty correlation ID',
    { sequence_id: { string_param: '' }, ...start },
    1,
    'non-zero or non-empty correlation ID',
  ],
  ['a sequence that was not started', id(9), 1, 'must specify the START flag on the first request'],
  [
    'two rows in a sequence',
    { ...id(9), ...start },
    2,
    'must specify batch-size 1 due to requirements of sequence batcher',
  ],
] as const;

for (const transport of transports) {
  describe(`sequences on ${transport}`, () => {
    let serving: Serving;

    before(async () => {
      serving = await Serving.start(transport, { floats: { fixture: 'identity_fp32', config } });
    });
    after(() => serving[Symbol.asyncDispose]());

    for (const [title, parameters, rows, text] of refused) {
      it(`1.7: ${title}`, async () => {
        const outcome = await serving.client.call('ModelInfer', {
          model_name: 'floats',
          parameters,
          inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 1] }],
          raw_input_contents: [Buffer.alloc(4 * rows)],
        });
        assert.equal(status[outcome.code], 'INVALID_ARGUMENT', outcome.details);
        assert.ok(outcome.details.includes(text), outcome.details);
        assertDecent(outcome);
      });
    }
  });
}
