import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { matchesSchema } from '../../support/json-schema.ts';
import { mutateJson } from '../../support/mutate-json.ts';
import { models } from '../protocol/support/models.ts';
import { Serving, type ServedModel } from '../protocol/support/serving.ts';

interface Media {
  readonly schema?: unknown;
  readonly example?: unknown;
}

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** What no schema can say: that elements are as many as a shape says, that names come once, or that bytes come elsewhere. */
const beyondSchemas =
  /true shape|parse 'data'|already exists|byte size|element|inputs? but got|as no input has this name|must set only one of|batch-size must be/i;

describe('the schemas of the protocol, and what is taken', () => {
  let serving: Serving;
  let base: string;
  let document: { readonly paths: Paths };

  before(async () => {
    const served: Record<string, ServedModel> = {};
    for (const name of ['mlp', 'text', 'flags', 'big', 'int8', 'pair', 'scale', 'decoupled']) {
      const model = models[name];
      assert.ok(model !== undefined);
      served[name] = model;
    }
    serving = await Serving.start('h2', served, { security: { allowSettings: true } });
    base = `http://${serving.server.httpAddress}`;
    document = (await (await fetch(`${base}/openapi.json`)).json()) as { readonly paths: Paths };
  });
  after(() => serving[Symbol.asyncDispose]());

  it('agree on every body that differs from an example in one place', async (t) => {
    const disagreements: string[] = [];
    let bodies = 0;
    for (const [path, { post }] of Object.entries(document.paths)) {
      const media = post?.requestBody?.content['application/json'];
      if (!path.startsWith('/v2/') || path.includes('{') || media?.example === undefined) continue;
      for (const { title, value } of mutateJson(media.example)) {
        bodies += 1;
        const taken = matchesSchema(document, media.schema, value);
        const reply = await fetch(base + path, { method: 'POST', body: JSON.stringify(value) });
        const told = await reply.text();
        const agree = taken ? reply.status === 200 || beyondSchemas.test(told) : reply.status === 400;
        if (!agree) disagreements.push(`${path} ${title}: schema ${taken}, ${reply.status} ${told}`);
      }
    }
    t.diagnostic(`${bodies} bodies`);
    assert.deepEqual(disagreements, []);
    assert.ok(bodies > 500, `${bodies}`);
  });
});
