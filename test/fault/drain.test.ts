import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { ServingError } from '../../src/errors.ts';
import { HeldModels } from '../support/held-model.ts';

/** A few milliseconds of work. */
const rounds = 300;
/** What a client is told when an answer that it waited for does not come, or half of it. */
const lost = /dropped|reset|closed|hang up|premature|terminated/i;

interface Outcome {
  answered: number;
  readonly refused: string[];
}

/** Asks without a pause until it is refused for the first time. */
async function askUntilRefused(outcome: Outcome, ask: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await ask();
      outcome.answered += 1;
    } catch (thrown) {
      const { code, message } = ServingError.from(thrown);
      outcome.refused.push(`${code}: ${message}`);
      return;
    }
  }
}

/**
 * On the agent's connection.
 *
 * @param cut takes the id of a request whose connection ended without a word of an answer: that of one that is between two
 * requests may, at any time (RFC 9112, 9.3), and then nobody has taken the request.
 * @throws ServingError with what became of it.
 */
async function askOverHttp(address: string, agent: Agent, cut: Set<string>): Promise<void> {
  const id = randomUUID();
  const inputs = [{ name: 'x', datatype: 'INT64', shape: [1, 1], data: [rounds] }];
  const body = JSON.stringify({ id, inputs });
  const asked = request(`http://${address}/v2/models/hold/infer`, { method: 'POST', agent });
  asked.end(body);
  let status: number | undefined;
  try {
    const [reply] = await once(asked, 'response');
    if (!(reply instanceof IncomingMessage)) throw new Error('bug: no reply');
    status = reply.statusCode;
    await text(reply);
  } catch (thrown) {
    // What could not connect has sent nothing that could be lost.
    const refused = thrown instanceof Error && 'syscall' in thrown && thrown.syscall === 'connect';
    if (!refused && status === undefined) {
      cut.add(id);
      throw new ServingError('unavailable', 'no answer');
    }
    throw new ServingError('unavailable', refused ? 'refused' : `lost: ${String(thrown)}, connection reset`);
  }
  if (status !== 200) throw new ServingError('unavailable', `status ${status}`);
}

for (const [what, args] of [
  ['on one thread', []],
  ['on I/O threads', ['--io-threads', '2']],
  ['with a process for the model', ['--isolation', 'process']],
] as const) {
  test(`SIGTERM under load loses no request that was taken, ${what}`, { timeout: 240_000 }, async () => {
    const config = { hold: 'instance_group { count: 2 }' };
    await using models = await HeldModels.start(config, ['--access-log', 'true', ...args]);
    const { httpAddress } = models.server;
    const grpc: Outcome = { answered: 0, refused: [] };
    const http: Outcome = { answered: 0, refused: [] };
    const cut = new Set<string>();
    const agents = Array.from({ length: 6 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    const callers = agents.flatMap((agent) => [
      askUntilRefused(grpc, () => models.infer('hold', { values: [rounds] })),
      askUntilRefused(http, () => askOverHttp(httpAddress, agent, cut)),
    ]);
    while (grpc.answered <= 10 || http.answered <= 10) await wait(10);
    assert.equal(await models.server.stop(), 0);
    await Promise.all(callers);
    for (const refusal of [...grpc.refused, ...http.refused]) {
      assert.match(refusal, /^unavailable: /);
      assert.doesNotMatch(refusal, lost);
    }
    const taken = models.server.output();
    assert.match(taken, /"id":"[0-9a-f]{8}-/);
    for (const id of cut) assert.ok(!taken.includes(id), 'a request that was taken has no answer');
  });
}
