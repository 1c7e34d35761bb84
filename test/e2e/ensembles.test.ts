import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CallContext } from '../../src/inference/call-context.ts';
import { silentLogger } from '../../src/inference/logger.ts';
import { noParameters, type InferRequest } from '../../src/inference/request.ts';
import { createServer, type Server } from '../../src/server.ts';
import { systemClock } from '../../src/util/clock.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { runChecks } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findPython } from '../support/tools.ts';

const { skip } = findPython();
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');
const tooFewCores = availableParallelism() < 2 ? 'needs two cores' : false;

test('the example ensemble, on one thread', { skip }, async (t) => {
  await using server = await startServer({ repository: exampleModels });
  await runChecks(t, 'ensemble_checks.py', [server.grpcAddress, server.httpAddress, exampleModels]);
});

test('the example ensemble, on I/O threads', { skip: skip || tooFewCores }, async (t) => {
  await using server = await startServer({ repository: exampleModels, args: ['--io-threads', '2'] });
  await runChecks(t, 'ensemble_checks.py', [server.grpcAddress, server.httpAddress, exampleModels]);
});

function copyOfExamples(): RepositoryFolder {
  const folder = new RepositoryFolder();
  for (const file of [
    'grey_levels/1/model.onnx',
    'grey_levels/config.pbtxt',
    'digits/1/model.onnx',
    'digits/config.pbtxt',
    'digits/labels.txt',
    'read_digit/1/.gitkeep',
    'read_digit/config.pbtxt',
  ]) {
    folder.put(file, readFileSync(join(exampleModels, file)));
  }
  return folder;
}

function start(folder: RepositoryFolder, ioThreads: number): Promise<Server> {
  const logger = { ...silentLogger, level: 'silent' as const, muted: new Set<never>() };
  return createServer(
    {
      models: { repositories: [folder.path], controlMode: 'explicit', load: ['read_digit'] },
      grpc: { port: 0 },
      http: { enabled: false },
      metrics: { enabled: false },
      admin: { address: 'off' },
      server: { ioThreads },
    },
    { logger },
  );
}

const request: InferRequest = {
  model: 'read_digit',
  version: '',
  id: '',
  inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 8, 8], data: new Uint8Array(64).fill(99) }],
  outputs: [],
  parameters: noParameters,
};

/** Rounded: rows are summed in another order in company. */
async function infer(server: Server): Promise<string> {
  const call = new CallContext(systemClock.now(), Infinity);
  try {
    const { outputs } = await server.infer(request, call);
    const probabilities = new Float32Array(new Uint8Array(outputs[0]?.data ?? []).buffer);
    return Array.from(probabilities, (value) => value.toFixed(4)).join(' ');
  } finally {
    call.finish();
  }
}

for (const ioThreads of [1, 2]) {
  const alone = ioThreads > 1 ? tooFewCores : false;
  describe(`models of an ensemble come and go, with ${ioThreads} I/O thread(s)`, { skip: alone }, () => {
    test('no request is lost while steps are reloaded, and all answers are the same', async () => {
      using folder = copyOfExamples();
      await using server = await start(folder, ioThreads);
      const expected = await infer(server);
      const done = new AbortController();
      const answers = new Map<string, number>();
      const clients = Array.from({ length: 8 }, async () => {
        while (!done.signal.aborted) {
          const answer = await infer(server);
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
        }
      });
      const plain = readFileSync(join(exampleModels, 'grey_levels', 'config.pbtxt'), 'utf8');
      for (let round = 0; round < 3; round++) {
        folder.put('grey_levels/config.pbtxt', `${plain}# ${round}\n`);
        folder.put(
          'digits/config.pbtxt',
          `${readFileSync(join(folder.path, 'digits/config.pbtxt'), 'utf8')}#\n`,
        );
        for (const model of ['grey_levels', 'digits']) {
          await server.control.load(model, { config: undefined, files: new Map() });
        }
      }
      done.abort();
      await Promise.all(clients);
      assert.deepEqual([...answers.keys()], [expected]);
    });

    test('without a step the ensemble is not there, and with it it is', async () => {
      using folder = copyOfExamples();
      await using server = await start(folder, ioThreads);
      const before = await infer(server);
      await server.control.unload('digits', false);
      await assert.rejects(infer(server), { code: 'not_found' });
      assert.equal(server.catalog.modelReady('read_digit', ''), false);
      await server.control.load('digits', { config: undefined, files: new Map() });
      assert.equal(await infer(server), before);
      await server.control.unload('read_digit', true);
      const left = server.catalog.index(true).map(({ name }) => name);
      // It has been loaded by its own name since.
      assert.deepEqual(left, ['digits']);
    });
  });
}
