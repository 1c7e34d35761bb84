import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fixtureModel } from '../../support/build-batch.ts';
import { models } from '../protocol/support/models.ts';
import { Serving } from '../protocol/support/serving.ts';
import { inferText } from './support/http-error-cases.ts';
import { RawConnection, rawPost } from './support/raw-connection.ts';

function bodyOf(rounds: number): string {
  return JSON.stringify({ inputs: [{ name: 'rounds', datatype: 'INT64', shape: [], data: [rounds] }] });
}

/** A run of the model busy that takes some tenths of a second. */
const busyBody = bodyOf(60_000);

/** One that takes seconds. */
const longBody = bodyOf(300_000);

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function ask(serving: Serving, method: string, path: string, body?: string): Promise<Reply> {
  const url = `http://${serving.server.httpAddress}/v2/${path}`;
  const reply = await fetch(url, { method, ...(body === undefined ? {} : { body }) });
  return { status: reply.status, text: await reply.text(), headers: reply.headers };
}

function busy(serving: Serving, version = ''): Promise<Reply> {
  const path = version === '' ? 'models/busy/infer' : `models/busy/versions/${version}/infer`;
  return ask(serving, 'POST', path, busyBody);
}

function startBusy(config = '', options: Parameters<typeof Serving.start>[2] = {}): Promise<Serving> {
  const model = { fixture: 'busy', ...(config === '' ? {} : { config }) };
  return Serving.start(
    'h2',
    { busy: model },
    { ...options, models: { placement: 'thread', ...options.models } },
  );
}

function queuePolicy(policy: string): string {
  return `max_batch_size: 0 dynamic_batching { default_queue_policy { ${policy} } }`;
}

/** Some of the replies are answers, the others 503 with the text and a time to come back after. */
function assertShed(replies: readonly Reply[], text: string): void {
  const refused = replies.filter(({ status }) => status !== 200);
  assert.ok(refused.length > 0 && refused.length < replies.length, `${refused.length} of ${replies.length}`);
  for (const reply of refused) {
    assert.equal(reply.status, 503, reply.text);
    assert.ok(reply.text.includes(text), reply.text);
    assert.match(reply.headers.get('retry-after') ?? '', /^\d+$/);
  }
}

describe('states of models and the server over HTTP', () => {
  it('1.7: queue full', async () => {
    await using serving = await startBusy(queuePolicy('max_queue_size: 1'));
    assertShed(
      await Promise.all(Array.from({ length: 5 }, () => busy(serving))),
      'Exceeds maximum queue size',
    );
  });

  it('1.7: queue timeout, action REJECT', async () => {
    await using serving = await startBusy(
      queuePolicy('timeout_action: REJECT default_timeout_microseconds: 2000'),
    );
    assertShed(await Promise.all(Array.from({ length: 3 }, () => busy(serving))), 'Request timeout expired');
  });

  it('1.7: load and unload outside explicit mode', async () => {
    await using serving = await startBusy();
    for (const verb of ['load', 'unload']) {
      const { status, text } = await ask(serving, 'POST', `repository/models/busy/${verb}`, '');
      assert.equal(status, 503);
      assert.match(text, /explicit model load \/ unload is not allowed if polling is enabled/);
    }
  });

  it('1.7: a version that is being unloaded is not at ready state, and what it runs is answered', async () => {
    await using serving = await startBusy('', { models: { controlMode: 'explicit', load: ['busy'] } });
    // On one connection, so that the unload does not come first.
    using connection = new RawConnection(serving.server.httpAddress);
    connection.send(
      rawPost('/v2/models/busy/infer', longBody) + rawPost('/v2/repository/models/busy/unload', ''),
    );
    let state = 'READY';
    while (state === 'READY') {
      const { text } = await ask(serving, 'POST', 'repository/index', '');
      [{ state }] = JSON.parse(text) as [{ state: string }];
    }
    assert.equal(state, 'UNLOADING');
    const late = await busy(serving, '1');
    assert.equal(late.status, 503, late.text);
    assert.match(late.text, /'busy' version 1 is not at ready state/);
    for (const reply of ['of the run', 'of the unload']) {
      assert.equal((await connection.reply()).status, 200, reply);
    }
    const gone = await busy(serving);
    assert.equal(gone.status, 404);
    assert.match(gone.text, /'busy' has no available versions/);
    const ready = await ask(serving, 'GET', 'models/busy/ready');
    assert.equal(ready.status, 404, ready.text);
  });

  it('1.7: a server that stops answers what it has, and nothing new', async () => {
    await using serving = await startBusy();
    using connection = new RawConnection(serving.server.httpAddress);
    connection.send(
      `POST /v2/models/busy/infer HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: ${busyBody.length}\r\n\r\n`,
    );
    assert.equal((await connection.reply()).status, 100);
    const stopped = serving.server.stop();
    connection.send(busyBody);
    // Until the port is closed it is told so.
    const late = await busy(serving).catch(() => undefined);
    assert.ok(late === undefined || late.status === 503, late?.text ?? '');
    const { status, headers } = await connection.reply();
    assert.deepEqual([status, headers.get('connection')], [200, 'close']);
    await stopped;
  });

  it('a deadline that passes while the request waits is 504', async () => {
    await using serving = await startBusy();
    const first = busy(serving);
    const url = `http://${serving.server.httpAddress}/v2/models/busy/infer`;
    const late = await fetch(url, {
      method: 'POST',
      body: busyBody,
      headers: { 'x-request-timeout-ms': '20' },
    });
    assert.equal(late.status, 504);
    assert.equal(late.headers.get('tensorgate-reason'), 'DEADLINE_EXCEEDED');
    await late.body?.cancel();
    assert.equal((await first).status, 200);
  });
});

describe('sequences over HTTP', () => {
  let serving: Serving;

  before(async () => {
    const config =
      'max_batch_size: 4 sequence_batching { max_sequence_idle_microseconds: 60000000 direct {} }';
    serving = await Serving.start('h2', { floats: { fixture: 'identity_fp32', config } });
  });
  after(() => serving[Symbol.asyncDispose]());

  const send = (parameters: object, rows = 1): Promise<Reply> => {
    const input = { name: 'x', datatype: 'FP32', shape: [rows, 1], data: Array(rows).fill(1) };
    return ask(serving, 'POST', 'models/floats/infer', JSON.stringify({ parameters, inputs: [input] }));
  };

  for (const [title, parameters, rows, text] of [
    ['no correlation ID', {}, 1, 'must specify a non-zero or non-empty correlation ID'],
    [
      'the correlation ID 0',
      { sequence_id: 0, sequence_start: true },
      1,
      'non-zero or non-empty correlation ID',
    ],
    [
      'an empty correlation ID',
      { sequence_id: '', sequence_start: true },
      1,
      'non-zero or non-empty correlation ID',
    ],
    [
      'a sequence that was not started',
      { sequence_id: 9 },
      1,
      'must specify the START flag on the first request',
    ],
    [
      'two rows in a sequence',
      { sequence_id: 9, sequence_start: true },
      2,
      'must specify batch-size 1 due to requirements of sequence batcher',
    ],
  ] as const) {
    it(`1.7: ${title}`, async () => {
      const reply = await send(parameters, rows);
      assert.equal(reply.status, 400, reply.text);
      assert.ok(reply.text.includes(text), reply.text);
    });
  }

  it('1.4: IDs are numbers, also beyond 2^53, or texts', async () => {
    for (const id of ['7', '"seven"']) {
      const body = `{"parameters":{"sequence_id":${id},"sequence_start":true,"sequence_end":true},"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}`;
      const reply = await ask(serving, 'POST', 'models/floats/infer', body);
      assert.equal(reply.status, 200, reply.text);
    }
    const large = (id: string, flags: string): Promise<Reply> =>
      ask(
        serving,
        'POST',
        'models/floats/infer',
        `{"parameters":{"sequence_id":${id}${flags}},"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}`,
      );
    assert.equal((await large('9007199254740993', ',"sequence_start":true')).status, 200);
    const other = await large('9007199254740992', '');
    assert.equal(other.status, 400, 'IDs that differ beyond 2^53 are different sequences');
    assert.equal((await large('9007199254740993', ',"sequence_end":true')).status, 200);
  });
});

describe('the model repository over HTTP', () => {
  let serving: Serving;

  before(async () => {
    const { mlp = { fixture: 'mlp16' }, scale = { fixture: 'scalar_scale' } } = models;
    serving = await Serving.start(
      'h2',
      { mlp, scale, broken: { fixture: undefined } },
      { models: { controlMode: 'explicit', load: ['mlp'] } },
    );
  });
  after(() => serving[Symbol.asyncDispose]());

  const load = (model: string, parameters?: object): Promise<Reply> =>
    ask(
      serving,
      'POST',
      `repository/models/${model}/load`,
      parameters === undefined ? '' : JSON.stringify({ parameters }),
    );
  const config = async (model: string): Promise<Record<string, unknown>> =>
    JSON.parse((await ask(serving, 'GET', `models/${model}/config`)).text) as Record<string, unknown>;

  it('4: the index is an array; what was never loaded has only a name', async () => {
    const { text } = await ask(serving, 'POST', 'repository/index', '{}');
    assert.deepEqual(JSON.parse(text), [
      { name: 'broken' },
      { name: 'mlp', version: '1', state: 'READY', reason: '' },
      { name: 'scale' },
    ]);
    for (const body of ['{"ready":true}', ' {"ready" : true, "other": [1]} ']) {
      const ready = await ask(serving, 'POST', 'repository/index', body);
      assert.deepEqual(JSON.parse(ready.text), [{ name: 'mlp', version: '1', state: 'READY', reason: '' }]);
    }
  });

  it('4: load and unload answer with an empty 200', async () => {
    for (const verb of ['load', 'unload', 'unload', 'load', 'load']) {
      const { status, text } = await ask(serving, 'POST', `repository/models/scale/${verb}`, '');
      assert.deepEqual([status, text], [200, ''], verb);
      const ready = await ask(serving, 'GET', 'models/scale/ready');
      assert.equal(ready.status === 200, verb === 'load');
    }
    const options = JSON.stringify({ parameters: { unload_dependents: true } });
    assert.equal((await ask(serving, 'POST', 'repository/models/scale/unload', options)).status, 200);
  });

  it('4: a configuration that comes with load is the one in use until the next load', async () => {
    const mine = JSON.stringify({ name: 'mlp', platform: 'onnxruntime_onnx', max_batch_size: 3 });
    assert.equal((await load('mlp', { config: mine })).status, 200);
    assert.equal((await config('mlp'))['max_batch_size'], 3);
    assert.equal((await load('mlp')).status, 200);
    assert.equal((await config('mlp'))['max_batch_size'], 8);
  });

  it('4: files that come with load are a model of their own', async () => {
    const file = readFileSync(fixtureModel('scalar_scale')).toString('base64');
    const parameters = { config: JSON.stringify({ max_batch_size: 0 }), 'file:1/model.onnx': file };
    const loaded = await load('sent', parameters);
    assert.equal(loaded.status, 200, loaded.text);
    const metadata = await ask(serving, 'GET', 'models/sent');
    assert.deepEqual((JSON.parse(metadata.text) as { versions: string[] }).versions, ['1']);
    assert.equal((await ask(serving, 'POST', 'repository/models/sent/unload', '')).status, 200);
  });

  for (const [title, parameters, status] of [
    ['a configuration that is no JSON', { config: '{' }, 400],
    ['a configuration that is no text', { config: { max_batch_size: 3 } }, 400],
    ['a configuration with an unknown field', { config: '{"max_batches":3}' }, 400],
    ['a file that is no base64', { config: '{}', 'file:1/model.onnx': 'a!b' }, 400],
    ['a file that is no text', { config: '{}', 'file:1/model.onnx': 7 }, 400],
    ['files without a configuration', { 'file:1/model.onnx': 'AAAA' }, 400],
    ['a file that leaves its folder', { config: '{}', 'file:../../model.onnx': 'AAAA' }, 400],
    ['a file with an absolute path', { config: '{}', 'file:/opt/model.onnx': 'AAAA' }, 400],
    ['a file that is no model', { config: '{}', 'file:1/model.onnx': 'AAAA' }, 400],
    ['an unknown parameter', { other: 'x' }, 400],
  ] as const) {
    it(`4: load with ${title} is ${status}, and the model stays as it is`, async () => {
      const reply = await load('mlp', parameters);
      assert.equal(reply.status, status, reply.text);
      assert.doesNotMatch(reply.text, /\/tmp\/|onnxruntime|node_modules/i);
      const answer = await ask(serving, 'POST', 'models/mlp/infer', inferText());
      assert.equal(answer.status, 200, answer.text);
    });
  }

  for (const body of ['[]', '"a"', '{"parameters":[]}', '{"parameters":{"unload_dependents":1}}', '{']) {
    it(`4: unload with ${body} is 400`, async () => {
      assert.equal((await ask(serving, 'POST', 'repository/models/mlp/unload', body)).status, 400);
    });
  }

  it('hardening 2.6: a deeply nested body is 400 everywhere, and ends nothing', async () => {
    const deep = `{"a":${'['.repeat(200_000)}`;
    for (const path of [
      'repository/index',
      'repository/models/mlp/load',
      'repository/models/mlp/unload',
      'models/mlp/infer',
      'models/mlp/generate',
      'trace/setting',
      'logging',
    ]) {
      const reply = await ask(serving, 'POST', path, deep);
      assert.equal(reply.status, 400, path);
      assert.match(reply.text, /JSON nesting depth exceeds maximum allowed limit \(100\)/);
    }
  });
});

describe('trace and log settings over HTTP', () => {
  let serving: Serving;
  const trace = async (path: string, body?: string): Promise<Record<string, unknown>> => {
    const reply = await ask(serving, body === undefined ? 'GET' : 'POST', path, body);
    assert.equal(reply.status, 200, reply.text);
    return JSON.parse(reply.text) as Record<string, unknown>;
  };

  before(async () => {
    const { mlp = { fixture: 'mlp16' } } = models;
    serving = await Serving.start('h2', { mlp }, { security: { allowSettings: true } });
  });
  after(() => serving[Symbol.asyncDispose]());

  it('2: trace settings are texts, the levels a list, and null clears one to that of all models', async () => {
    const own = 'models/mlp/trace/setting';
    assert.deepEqual(await trace('trace/setting'), {
      trace_level: ['OFF'],
      trace_rate: '1000',
      trace_count: '-1',
      log_frequency: '0',
      trace_file: '',
      trace_mode: 'triton',
    });
    assert.equal((await trace(own, '{"trace_rate":"5"}'))['trace_rate'], '5');
    assert.equal((await trace('trace/setting', '{"trace_rate":7}'))['trace_rate'], '7');
    assert.equal((await trace(own))['trace_rate'], '5');
    assert.equal((await trace(own, '{"trace_rate":null}'))['trace_rate'], '7');
    const levels = await trace(own, '{"trace_level":["TIMESTAMPS","TENSORS"]}');
    assert.deepEqual(levels['trace_level'], ['TIMESTAMPS', 'TENSORS']);
    assert.deepEqual((await trace('trace/setting'))['trace_level'], ['OFF']);
  });

  for (const [body, status] of [
    ['{"trace_level":["LOUD"]}', 400],
    ['{"trace_level":[["OFF"]]}', 400],
    ['{"trace_rate":"0"}', 400],
    ['{"trace_rate":true}', 400],
    ['{"trace_count":"-2"}', 400],
    ['{"no_such_setting":"1"}', 400],
    ['{"trace_file":"/tmp/x"}', 501],
    ['[]', 400],
    ['{', 400],
  ] as const) {
    it(`2: trace settings refuse ${body} with ${status}, and nothing of it is done`, async () => {
      const before = await trace('trace/setting');
      const full = body.startsWith('{"') ? body.replace('{', '{"trace_mode":"opentelemetry",') : body;
      const reply = await ask(serving, 'POST', 'trace/setting', full);
      assert.equal(reply.status, status, reply.text);
      assert.deepEqual(await trace('trace/setting'), before);
    });
  }

  it('2: log settings change one by one, and are read back', async () => {
    const changed = await trace('logging', '{"log_verbose_level":1,"log_warning":false}');
    assert.deepEqual(await trace('logging'), changed);
    const { log_verbose_level: level, log_warning: warning } = changed;
    assert.deepEqual([level, warning], [1, false]);
  });

  for (const [body, status] of [
    ['{"log_info":"yes"}', 400],
    ['{"log_verbose_level":-1}', 400],
    ['{"log_format":"fancy"}', 400],
    ['{"log_colour":true}', 400],
    ['{"log_file":"/tmp/x"}', 501],
  ] as const) {
    it(`2: log settings refuse ${body} with ${status}`, async () => {
      const before = await trace('logging');
      const reply = await ask(serving, 'POST', 'logging', body.replace('{', '{"log_warning":true,'));
      assert.equal(reply.status, status, reply.text);
      assert.deepEqual(await trace('logging'), before);
    });
  }

  it('2: statistics count what HTTP asked for', async () => {
    const stats = async (path: string): Promise<{ inference_count: number; last_inference: number }[]> =>
      (JSON.parse((await ask(serving, 'GET', path)).text) as { model_stats: [] }).model_stats;
    const [first] = await stats('models/mlp/stats');
    assert.equal((await ask(serving, 'POST', 'models/mlp/infer', inferText())).status, 200);
    assert.equal((await ask(serving, 'POST', 'models/mlp/infer', inferText({ inputs: [] }))).status, 400);
    const [second, ...others] = await stats('models/mlp/versions/1/stats');
    assert.equal((second?.inference_count ?? 0) - (first?.inference_count ?? 0), 1);
    assert.ok((second?.last_inference ?? 0) > 1_600_000_000_000);
    assert.deepEqual(others, []);
    assert.equal((await stats('models/stats')).length, 1);
  });
});

describe('settings without --allow-settings', () => {
  it('may be read by everybody and changed by nobody', async () => {
    const { mlp = { fixture: 'mlp16' } } = models;
    await using serving = await Serving.start('h2', { mlp });
    for (const [path, body] of [
      ['logging', '{"log_info":false}'],
      ['trace/setting', '{"trace_rate":"5"}'],
      ['models/mlp/trace/setting', '{"trace_rate":null}'],
    ] as const) {
      assert.equal((await ask(serving, 'GET', path)).status, 200);
      assert.equal((await ask(serving, 'POST', path, '{}')).status, 200);
      const { status, text } = await ask(serving, 'POST', path, body);
      assert.equal(status, 403);
      assert.match(text, /--allow-settings/);
    }
  });
});
