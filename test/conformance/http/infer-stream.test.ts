import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { stepModels } from '../protocol/support/step-models.ts';
import { Serving } from '../protocol/support/serving.ts';

interface Event {
  readonly id?: string;
  readonly model_name?: string;
  readonly outputs?: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: readonly number[];
  }[];
  readonly error?: string;
}

describe('infer_stream', () => {
  let serving: Serving;

  before(async () => {
    serving = await Serving.start('h2', stepModels);
  });
  after(() => serving[Symbol.asyncDispose]());

  const scalar = (name: string, value: number): object => ({
    name,
    datatype: 'FP32',
    shape: [1, 1],
    data: [value],
  });

  const ask = (model: string, left: number, more: object = {}): Promise<Response> =>
    fetch(`http://${serving.server.httpAddress}/v2/models/${model}/infer_stream`, {
      method: 'POST',
      body: JSON.stringify({ id: 'a', inputs: [scalar('left', left), scalar('by', 1)], ...more }),
    });

  const eventsOf = async (reply: Response): Promise<readonly Event[]> => {
    const text = await reply.text();
    return text
      .split('\n\n')
      .slice(0, -1)
      .map((event) => {
        assert.match(event, /^data: \{[^\n]*\}$/);
        return JSON.parse(event.slice(6)) as Event;
      });
  };

  it("2: sends each answer of a decoupled model as an event of infer's form", async () => {
    const reply = await ask('count', 3);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    const events = await eventsOf(reply);
    assert.deepEqual(
      events.map(({ id, model_name: model, outputs = [] }) => [id, model, outputs.map(({ data }) => data)]),
      [2, 1, 0].map((left) => ['a', 'count', [[left]]]),
    );
  });

  it('2: sends the only answer of another model as the only event', async () => {
    const events = await eventsOf(await ask('last', 3));
    assert.deepEqual(
      events.map(({ outputs }) => outputs?.[0]?.data),
      [[0]],
    );
  });

  it('1.7: refuses with a status as long as there is no answer', async () => {
    const reply = await ask('nowhere', 1);
    assert.equal(reply.status, 404);
    assert.match(await reply.text(), /^\{"error":"Request for unknown model/);
  });

  for (const more of [
    { parameters: { binary_data_output: true } },
    { outputs: [{ name: 'y', parameters: { binary_data: true } }] },
  ]) {
    it(`2.1: refuses bytes in events: ${JSON.stringify(more)}`, async () => {
      const reply = await ask('count', 1, more);
      assert.equal(reply.status, 400);
      assert.match(await reply.text(), /events are JSON/);
    });
  }
});
