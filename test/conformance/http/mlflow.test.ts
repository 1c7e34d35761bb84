import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { models } from '../protocol/support/models.ts';
import { Serving } from '../protocol/support/serving.ts';

const json = { 'content-type': 'application/json' };
const csv = { 'content-type': 'text/csv' };

describe("MLflow's scoring server", () => {
  let serving: Serving;
  let base: string;

  before(async () => {
    const { scale, floats, mlp } = models;
    assert.ok(scale !== undefined && floats !== undefined && mlp !== undefined);
    const server = { dialects: ['mlflow' as const] };
    serving = await Serving.start('h2', { scale, floats, mlp }, { server, models: { defaultModel: 'mlp' } });
    base = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  const row = Array.from({ length: 16 }, (_, index) => index / 8);
  const names = row.map((_, index) => `f${index}`);
  const record = Object.fromEntries(names.map((name, index) => [name, row[index]]));

  async function predictions(headers: Record<string, string>, body: string): Promise<unknown> {
    const reply = await fetch(`${base}/invocations`, { method: 'POST', headers, body });
    const text = await reply.text();
    assert.equal(reply.status, 200, text);
    assert.equal(reply.headers.get('content-type'), 'application/json');
    return (JSON.parse(text) as { predictions: unknown }).predictions;
  }

  it('tensors come back by output, data frames and CSV as records, all of the same values', async () => {
    const tensors = await predictions(json, JSON.stringify({ inputs: [row, row] }));
    const { y } = tensors as { y: number[][] };
    assert.deepEqual([y.length, y[0]?.length], [2, 4]);
    const records = [{ y: y[0] }, { y: y[1] }];
    const bodies = [
      [json, { dataframe_split: { columns: names, data: [row, row] } }],
      [json, { dataframe_records: [record, record], params: { a: 1 } }],
    ] as const;
    for (const [headers, body] of bodies) {
      assert.deepEqual(await predictions(headers, JSON.stringify(body)), records);
    }
    assert.deepEqual(await predictions(csv, `${names.join()}\n${row.join()}\n${row.join()}\n`), records);
    assert.deepEqual(await predictions(json, JSON.stringify({ instances: [row, row] })), tensors);
    assert.deepEqual(await predictions(json, JSON.stringify({ inputs: { x: [row, row] } })), tensors);
  });

  const refused = [
    ['an empty body', json, '', 400],
    ['no form', json, '{"params":{}}', 400],
    ['two forms', json, '{"inputs":[],"instances":[]}', 400],
    ['a list', json, '[]', 400],
    ['a wrong shape', json, '{"inputs":[[1]]}', 400],
    ['a row that is too short', csv, 'a,b\n1,2', 400],
  ] as const;
  for (const [title, headers, body, status] of refused) {
    it(`${title} is a ${status}`, async () => {
      const reply = await fetch(`${base}/invocations`, { method: 'POST', headers, body });
      const told = (await reply.json()) as Readonly<Record<string, unknown>>;
      assert.equal(reply.status, status, JSON.stringify(told));
      assert.deepEqual(Object.keys(told), ['error_code', 'message']);
      assert.equal(told['error_code'], 'BAD_REQUEST');
    });
  }

  for (const type of [
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
    'text/csv; a',
  ]) {
    it(`a body of ${type} is a 415`, async () => {
      const headers = { 'content-type': type };
      const reply = await fetch(`${base}/invocations`, { method: 'POST', headers, body: '{}' });
      assert.equal(reply.status, 415);
      assert.match(await reply.text(), /only supports the following content types/);
    });
  }

  it('probes are answered with an empty line, and a version', async () => {
    for (const path of ['/ping', '/health']) {
      const reply = await fetch(base + path);
      assert.deepEqual([reply.status, await reply.text()], [200, '\n']);
    }
    assert.match(await (await fetch(`${base}/version`)).text(), /^\d+\.\d+\.\d+/);
    const reply = await fetch(`${base}/invocations`);
    assert.equal(reply.status, 405);
    await reply.body?.cancel();
  });

  it('probes fail where no model is ready', async () => {
    await using empty = await Serving.start(
      'h2',
      { broken: { fixture: undefined } },
      { server: { dialects: ['mlflow'] } },
    );
    const reply = await fetch(`http://${empty.server.httpAddress}/ping`);
    assert.equal(reply.status, 404);
    await reply.body?.cancel();
  });
});
