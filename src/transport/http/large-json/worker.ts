import { parentPort, workerData } from 'node:worker_threads';
import { decoders } from './decoders.ts';
import type { Order, ThreadMessage, ThreadSetup } from './messages.ts';
import { toRefused } from './refused.ts';
import { RemoteCatalog } from './remote-catalog.ts';
import { buffersIn } from './transferable.ts';

/** The thread that reads large bodies, one after the other. */
const port = parentPort;
if (port === null) throw new Error('bug: not started as a thread');
const say = (message: ThreadMessage, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);
const catalog = new RemoteCatalog(workerData as ThreadSetup, (about, asked) =>
  say({ kind: 'question', about, asked }),
);

port.on('message', ({ name, asked }: Order) => {
  const { buffer, byteOffset, byteLength } = asked.bytes;
  const body = { ...asked, bytes: Buffer.from(buffer, byteOffset, byteLength) };
  try {
    const decode = decoders[name] as (body: unknown, models: RemoteCatalog) => unknown;
    const value = decode(body, catalog);
    say({ kind: 'decoded', value }, buffersIn(value));
  } catch (thrown) {
    say({ kind: 'refused', error: toRefused(thrown) });
  }
});
