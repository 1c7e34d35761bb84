import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Outcome } from './support/protocol-client.ts';
import { models } from './support/models.ts';
import { Serving, transports } from './support/serving.ts';

function traceOf({ reply }: Outcome, name: string): readonly string[] | undefined {
  return (reply['settings'] as Record<string, { value: readonly string[] }>)[name]?.value;
}

function logOf({ reply }: Outcome, name: string): Record<string, unknown> {
  return (reply['settings'] as Record<string, Record<string, unknown>>)[name] ?? {};
}

for (const transport of transports) {
  describe(`trace and log settings on ${transport}`, () => {
    let serving: Serving;
    const trace = (model: string, settings: object): Promise<Outcome> =>
      serving.client.call('TraceSetting', { model_name: model, settings });

    before(async () => {
      const { mlp = { fixture: 'mlp16' } } = models;
      serving = await Serving.start(transport, { mlp }, { security: { allowSettings: true } });
    });
    after(() => serving[Symbol.asyncDispose]());

    it("2: trace settings are Triton's, a model's own are cleared by an empty value", async () => {
      assert.deepEqual(traceOf(await trace('', {}), 'trace_rate'), ['1000']);
      assert.deepEqual(traceOf(await trace('mlp', { trace_rate: { value: ['5'] } }), 'trace_rate'), ['5']);
      assert.deepEqual(traceOf(await trace('', { trace_rate: { value: ['7'] } }), 'trace_rate'), ['7']);
      assert.deepEqual(traceOf(await trace('mlp', {}), 'trace_rate'), ['5']);
      assert.deepEqual(traceOf(await trace('mlp', { trace_rate: {} }), 'trace_rate'), ['7']);
    });

    const wrong: readonly (readonly [name: string, value: readonly string[], code: string])[] = [
      ['trace_level', ['LOUD'], 'INVALID_ARGUMENT'],
      ['trace_rate', ['0'], 'INVALID_ARGUMENT'],
      ['trace_rate', ['1', '2'], 'INVALID_ARGUMENT'],
      ['trace_count', ['-2'], 'INVALID_ARGUMENT'],
      ['no_such_setting', ['1'], 'INVALID_ARGUMENT'],
      ['trace_file', ['x'], 'UNIMPLEMENTED'],
    ];
    for (const [name, value, code] of wrong) {
      it(`2: trace setting ${name} = ${value.join(',')} is refused and changes nothing`, async () => {
        const outcome = await trace('', { trace_level: { value: ['TENSORS'] }, [name]: { value } });
        assert.equal(status[outcome.code], code, outcome.details);
        assert.deepEqual(traceOf(await trace('', {}), 'trace_level'), ['OFF']);
      });
    }

    it('2: log settings change one by one, and are read back', async () => {
      const change = (settings: object): Promise<Outcome> => serving.client.call('LogSettings', { settings });
      const outcome = await change({
        log_verbose_level: { uint32_param: 1 },
        log_warning: { bool_param: false },
      });
      assert.equal(outcome.code, status.OK, outcome.details);
      const read = await change({});
      assert.equal(logOf(read, 'log_verbose_level')['uint32_param'], 1);
      assert.equal(logOf(read, 'log_warning')['bool_param'], false);
      for (const settings of [
        { log_info: { string_param: 'yes' } },
        { log_format: { string_param: 'fancy' } },
        { log_colour: { bool_param: true } },
      ]) {
        assert.equal((await change(settings)).code, status.INVALID_ARGUMENT);
      }
      assert.equal((await change({ log_file: { string_param: 'x' } })).code, status.UNIMPLEMENTED);
    });
  });
}
