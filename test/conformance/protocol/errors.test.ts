import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { errorCases } from './support/error-cases.ts';
import { loadedModels, models } from './support/models.ts';
import { assertDecent, mlp, rawOutput } from './support/requests.ts';
import { Serving, transports } from './support/serving.ts';

for (const transport of transports) {
  describe(`errors on ${transport}`, () => {
    let serving: Serving;

    before(async () => {
      serving = await Serving.start(transport, models, {
        models: { controlMode: 'explicit', load: loadedModels },
      });
    });
    after(() => serving[Symbol.asyncDispose]());

    for (const { clause, title, rpc, request, code, text } of errorCases) {
      it(`${clause}: ${title}`, async () => {
        const outcome = await serving.client.call(rpc, request);
        assert.equal(status[outcome.code], code, outcome.details);
        const matches =
          typeof text === 'string' ? outcome.details.includes(text) : text.test(outcome.details);
        assert.ok(matches, `${outcome.details}\ndoes not match\n${String(text)}`);
        assertDecent(outcome);
      });
    }

    it('hardening 5.1: a request among refused ones is answered as if it were alone', async () => {
      const { client } = serving;
      const alone = rawOutput(await client.call('ModelInfer', mlp()));
      const answers = await Promise.all(
        errorCases.map(async ({ rpc, request }) => {
          const good = client.call('ModelInfer', mlp());
          await client.call(rpc, request);
          return rawOutput(await good);
        }),
      );
      for (const answer of answers) assert.deepEqual(answer, alone);
    });
  });
}
