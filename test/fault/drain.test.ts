import assert from 'node:assert/strict';
import { test } from 'node:test';
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

/** @throws Error with what fetch says and why. */
async function askOverHttp(address: string): Promise<void> {
  const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'INT64', shape: [1, 1], data: [rounds] }] });
  const url = `http://${address}/v2/models/hold/infer`;
  let reply: Response;
  try {
    reply = await fetch(url, { method: 'POST', body });
    await reply.text();
  } catch (thrown) {
    const cause = thrown instanceof Error ? thrown.cause : undefined;
    const refused = cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
    throw new ServingError('unavailable', refused ? 'refused' : `lost: ${String(cause)}, connection reset`);
  }
  if (reply.status !== 200) throw new ServingError('unavailable', `status ${reply.status}`);
}

for (const [what, args] of [
  ['on one thread', []],
  ['on I/O threads', ['--io-threads', '2']],
  ['with a process for the model', ['--isolation', 'process']],
] as const) {
  test(`SIGTERM under load loses no request that was taken, ${what}`, { timeout: 60_000 }, async () => {
    await using models = await HeldModels.start({ hold: 'instance_group { count: 2 }' }, args);
    const { httpAddress } = models.server;
    const grpc: Outcome = { answered: 0, refused: [] };
    const http: Outcome = { answered: 0, refused: [] };
    const callers = Array.from({ length: 6 }, () => [
      askUntilRefused(grpc, () => models.infer('hold', { values: [rounds] })),
      askUntilRefused(http, () => askOverHttp(httpAddress)),
    ]).flat();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await models.server.stop(), 0);
    await Promise.all(callers);
    assert.ok(grpc.answered > 10 && http.answered > 10, `${grpc.answered} and ${http.answered} answered`);
    for (const refusal of [...grpc.refused, ...http.refused]) {
      assert.match(refusal, /^unavailable: /);
      assert.doesNotMatch(refusal, lost);
    }
  });
}
