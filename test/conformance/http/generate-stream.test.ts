import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Serving } from '../protocol/support/serving.ts';
import { stepModels } from '../protocol/support/step-models.ts';

interface Told {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

describe('generate_stream', () => {
  let serving: Serving;

  const post = (path: string, body: object, signal?: AbortSignal): Promise<Response> =>
    fetch(`http://${serving.server.httpAddress}/v2/models/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  const ask = async (path: string, body: object): Promise<Told> => {
    const reply = await post(path, body);
    return {
      status: reply.status,
      type: reply.headers.get('content-type') ?? '',
      text: await reply.text(),
    };
  };
  /** The values of the events, in order. */
  const eventsOf = (text: string): unknown[] =>
    text
      .split('\n\n')
      .filter((event) => event !== '')
      .map((event) => {
        assert.match(event, /^data: \{.*\}$/);
        const { y, error } = JSON.parse(event.slice(6)) as { y?: number; error?: string };
        return y ?? error;
      });
  const steps = async (): Promise<{ inferences: number; fail: number }> => {
    const { model_stats } = await fetch(`http://${serving.server.httpAddress}/v2/models/count/stats`).then(
      (reply) => reply.json() as Promise<{ model_stats: readonly StatsMessage[] }>,
    );
    const [stats] = model_stats;
    return { inferences: stats?.inference_count ?? 0, fail: stats?.inference_stats.fail.count ?? 0 };
  };
  /** How many steps have run when no more do. */
  const atRest = async (): Promise<number> => {
    for (let before = -1; ;) {
      const { inferences } = await steps();
      if (inferences === before) return inferences;
      before = inferences;
      for (let calls = 0; calls < 50; calls++) await fetch(`http://${serving.server.httpAddress}/v2`);
    }
  };

  before(async () => {
    serving = await Serving.start('h2', stepModels);
  });
  after(() => serving[Symbol.asyncDispose]());

  it('2.1: every step of a decoupled model is an event', async () => {
    const { status, type, text } = await ask('count/generate_stream', { left: 3, by: 1, id: 'a' });
    assert.deepEqual([status, type], [200, 'text/event-stream; charset=utf-8']);
    assert.deepEqual(eventsOf(text), [2, 1, 0]);
    assert.match(text, /^data: \{"id":"a","model_name":"count","model_version":"1","y":2\}\n\n/);
  });

  it('2.1: a model that answers once is one event, and a whole reply', async () => {
    const reply = await post('last/generate_stream', { left: 3, by: 1 });
    assert.ok(Number(reply.headers.get('content-length')) > 0);
    assert.deepEqual(eventsOf(await reply.text()), [0]);
  });

  it('steps that are no answers are no events, not even the last one', async () => {
    assert.deepEqual(eventsOf((await ask('evens/generate_stream', { left: 5, by: 1 })).text), [4, 2, 0]);
    assert.deepEqual(eventsOf((await ask('evens/generate_stream', { left: 5, by: 5.5 })).text), []);
    assert.deepEqual(eventsOf((await ask('evens/generate_stream', { left: 5, by: 3 })).text), [2]);
  });

  it('2.1: a failure before the first answer decides the status', async () => {
    const { status, type, text } = await ask('count/generate_stream', { left: 3, by: 1, max_steps: 0 });
    assert.deepEqual([status, type], [400, 'application/json']);
    assert.match(text, /^\{"error":"invalid value for parameter 'max_steps'/);
  });

  it('2.1: a failure after the first answer is an event', async () => {
    const reply = await fetch(`http://${serving.server.httpAddress}/v2/models/count/generate_stream`, {
      method: 'POST',
      headers: { 'x-request-timeout-ms': '1000' },
      body: JSON.stringify({ left: 16_000_000, by: 1 }),
    });
    assert.equal(reply.status, 200);
    const events = eventsOf(await reply.text());
    assert.equal(events[0], 15_999_999);
    assert.match(String(events.at(-1)), /deadline/);
  });

  it('2.1: generate expects exactly one answer', async () => {
    const one = await ask('count/generate', { left: 1, by: 1 });
    assert.equal(one.status, 200);
    assert.match(one.text, /"y":0/);
    for (const [model, left] of [
      ['count', 2],
      ['evens', 0.5],
    ] as const) {
      const { status, text } = await ask(`${model}/generate`, { left, by: 1 });
      assert.equal(status, 501);
      assert.match(text, /generate expects model to produce exactly 1 response, use generate stream/);
    }
  });

  it('1.7: infer refuses decoupled models', async () => {
    const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [1, 1], data: [1] });
    const { status, text } = await ask('count/infer', { inputs: [tensor('left'), tensor('by')] });
    assert.equal(status, 501);
    assert.match(text, /"HTTP end point doesn't support models with decoupled transaction policy/);
  });

  it('a client that goes away ends its request', async () => {
    const before = await steps();
    const gone = new AbortController();
    const reply = await post('count/generate_stream', { left: 90_000, by: 1 }, gone.signal);
    const reader = reply.body?.getReader();
    await reader?.read();
    gone.abort();
    while ((await steps()).fail === before.fail);
    const after = await atRest();
    assert.ok(after - before.inferences < 90_000);
    assert.equal((await steps()).fail, before.fail + 1);
  });

  it('nothing is computed far ahead of a client that does not read', async () => {
    const before = await steps();
    const [host, port] = serving.server.httpAddress.split(':');
    const socket = connect(Number(port), host);
    const body = JSON.stringify({ left: 100_000, by: 1, id: 'x'.repeat(2000) });
    socket.write(
      `POST /v2/models/count/generate_stream HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await new Promise((resolve) => {
      socket.once('data', () => {
        socket.pause();
        resolve(undefined);
      });
    });
    const ahead = (await atRest()) - before.inferences;
    socket.destroy();
    assert.ok(ahead < 50_000, `${ahead} steps`);
    while ((await steps()).fail === before.fail);
    await atRest();
    assert.equal((await steps()).fail, before.fail + 1);
  });
});

interface StatsMessage {
  readonly inference_count: number;
  readonly inference_stats: { readonly fail: { readonly count: number } };
}
