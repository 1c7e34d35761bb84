import { receiveMessageOnPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { computeBatch } from './compute-batch.ts';
import type { BatchComputation } from './compute-batch.ts';
import { toLoadError } from './load-error.ts';
import { batchDone, bell, toErrorMessage } from './messages.ts';
import type { FromWorker, ThreadSetup, ToWorker } from './messages.ts';
import { writeReply, writeReplyTimes } from './reply-slot.ts';
import { toRunError } from './run-error.ts';
import type { Session, openSession } from './session.ts';

/**
 * A session thread's whole life: opens the session, then runs one batch per ring until told to close.
 *
 * The thread sleeps in `Atomics.wait`, so its event loop does not turn between batches; messages are fetched by hand
 * when the bell rings.
 *
 * @param open is given by tests that want a thread to misbehave.
 */
export async function serveBatches(setup: ThreadSetup, open: typeof openSession): Promise<void> {
  const { port } = setup;
  let session: Session;
  try {
    session = await open(setup.modelPath, setup.options);
  } catch (thrown) {
    send(port, { kind: 'open-failed', error: toErrorMessage(toLoadError(thrown)) });
    port.close();
    return;
  }
  send(port, {
    kind: 'opened',
    metadata: session.metadata,
    synchronous: session.synchronous,
    openCpuMs: session.openCpuMs,
  });
  try {
    await answerRings(setup, session);
  } finally {
    await session[Symbol.asyncDispose]();
    port.close();
  }
}

async function answerRings(setup: ThreadSetup, session: Session): Promise<void> {
  const words = new Int32Array(setup.bell);
  const computation = computationOf(setup, session);
  let slot = new SharedArrayBuffer(0);
  let answered = 0;
  let fetched = 0;
  let closing = false;
  for (;;) {
    const rings = Atomics.load(words, bell.rings);
    // Before the messages: the memory that a batch stands in is announced before the batch is.
    const asked = Atomics.load(words, bell.batches);
    const posted = Atomics.load(words, bell.messages);
    for (; fetched !== posted; fetched = (fetched + 1) | 0) {
      const message = receive(setup.port);
      if (message === undefined) break;
      if (message.kind === 'close') closing = true;
      else slot = message.slot;
    }
    if (asked === answered) {
      // A batch may have been handed over between the two looks, before the order to close.
      if (closing && Atomics.load(words, bell.batches) === answered) return;
      if (!closing) Atomics.wait(words, bell.rings, rings);
      continue;
    }
    answered = asked;
    const pending = computeBatch(computation, slot);
    if (pending !== undefined) await pending;
  }
}

function computationOf(setup: ThreadSetup, session: Session): BatchComputation {
  return {
    session,
    oneThread: setup.oneThread,
    succeed({ outputs, inputMs, inferMs, cpuMs, computedAt }) {
      const buffers = writeReply(setup.reply, outputs);
      const outputMs = performance.now() - computedAt;
      writeReplyTimes(setup.reply, { inputMs, inferMs, outputMs, cpuMs });
      send(setup.port, buffers.length === 0 ? batchDone : { kind: 'outputs', buffers }, buffers);
    },
    fail: (thrown) => send(setup.port, { kind: 'failed', error: toErrorMessage(toRunError(thrown)) }),
  };
}

function receive(port: MessagePort): ToWorker | undefined {
  const received: { readonly message: ToWorker } | undefined = receiveMessageOnPort(port);
  return received?.message;
}

function send(port: MessagePort, message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, [...transfer]);
}
