import { receiveMessageOnPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { toLoadError } from './load-error.ts';
import { batchDone, bell, toErrorMessage } from './messages.ts';
import type { FromWorker, ThreadSetup, ToWorker } from './messages.ts';
import { readRequest } from './request-slot.ts';
import { writeReply, writeReplyTimes } from './reply-slot.ts';
import { toRunError } from './run-error.ts';
import { fetchesOf, readOutputs } from './session.ts';
import type { Feeds, Session, openSession } from './session.ts';

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
  const startedAt = performance.now();
  let session: Session;
  try {
    session = await open(setup.modelPath, setup.options);
  } catch (thrown) {
    send(port, { kind: 'open-failed', error: toErrorMessage(toLoadError(thrown)) });
    port.close();
    return;
  }
  const openMs = performance.now() - startedAt;
  send(port, { kind: 'opened', metadata: session.metadata, synchronous: session.synchronous, openMs });
  try {
    await answerRings(setup, session);
  } finally {
    await session[Symbol.asyncDispose]();
    port.close();
  }
}

async function answerRings(setup: ThreadSetup, session: Session): Promise<void> {
  const words = new Int32Array(setup.bell);
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
    const pending = runBatch(setup, session, slot);
    if (pending !== undefined) await pending;
  }
}

/** Answers the batch in the slot; at once if the session computes at once. */
function runBatch(setup: ThreadSetup, session: Session, slot: SharedArrayBuffer): Promise<void> | undefined {
  const fail = (thrown: unknown) =>
    send(setup.port, { kind: 'failed', error: toErrorMessage(toRunError(thrown)) });
  try {
    const startedAt = performance.now();
    const batch = readRequest(slot, session.metadata);
    const feeds: Feeds = {};
    for (const input of batch.inputs) {
      feeds[input.name] = session.input(input.name, input.datatype, input.shape, input.bytes);
    }
    const fetches = fetchesOf(batch.outputs);
    const readyAt = performance.now();
    const cpuBefore = setup.oneThread ? threadCpuMs() : undefined;
    const answer = (values: Awaited<ReturnType<Session['compute']>>) => {
      const cpuMs = cpuBefore === undefined ? undefined : threadCpuMs() - cpuBefore;
      const computedAt = performance.now();
      const buffers = writeReply(setup.reply, readOutputs(values, batch.outputs));
      const outputMs = performance.now() - computedAt;
      const inputMs = readyAt - startedAt;
      writeReplyTimes(setup.reply, { inputMs, inferMs: computedAt - readyAt, outputMs, cpuMs });
      send(setup.port, buffers.length === 0 ? batchDone : { kind: 'outputs', buffers }, buffers);
    };
    const values = session.compute(feeds, fetches);
    if (values instanceof Promise) return values.then(answer).catch(fail);
    answer(values);
  } catch (thrown) {
    fail(thrown);
  }
  return undefined;
}

/**
 * That this thread has used. Linux updates a running thread's figure at timer ticks, milliseconds apart, and when the
 * process's own is asked for.
 */
function threadCpuMs(): number {
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function receive(port: MessagePort): ToWorker | undefined {
  const received: { readonly message: ToWorker } | undefined = receiveMessageOnPort(port);
  return received?.message;
}

function send(port: MessagePort, message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, [...transfer]);
}
