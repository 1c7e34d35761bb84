import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { propagation, ProxyTracerProvider, trace } from '@opentelemetry/api';
import { loadSdk, sender } from '../telemetry-sdk.ts';
import { chooseRootsByEnvironment } from './root-choice.ts';
import { EventReader } from './event-reader.ts';
import type { WrittenEvents } from './event-writer.ts';
import { ExemplarStore } from './exemplar-store.ts';
import {
  spanCommands,
  type SpanCommand,
  type SpanThreadMessage,
  type SpanThreadSetup,
} from './span-events.ts';
import { SpanReplay } from './span-replay.ts';

/** Of Linux's 40 the last but one: on a machine that is busy, spans wait for requests and not the other way round. */
const niceness = 18;

const port = parentPort;
if (port === null) throw new Error('bug: spans are made on a thread of their own');

/** Linux's threads have priorities of their own; elsewhere this thread has that of all. */
function giveWay(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), niceness);
  } catch {
    // A sandbox may forbid it.
  }
}

/** As OTEL_CONFIG_FILE says, which is to say everything, or as the other variables do. */
async function startSdk(): Promise<{ shutdown(): Promise<void> }> {
  const Sdk = await loadSdk('--trace');
  if ((process.env['OTEL_CONFIG_FILE'] ?? '') !== '') {
    const { startNodeSdk } = await import('@opentelemetry/sdk-node');
    return startNodeSdk({});
  }
  const choice = chooseRootsByEnvironment([]);
  const started = new Sdk({
    ...sender(version),
    ...(choice === undefined ? {} : { sampler: choice.sampler }),
    metricReaders: [],
    logRecordProcessors: [],
  });
  started.start();
  return started;
}

function tell(message: SpanThreadMessage): void {
  port?.postMessage(message);
}

giveWay();
// Only the thread that serves starts this one.
const { version } = workerData as SpanThreadSetup;
const sdk = await startSdk();
const headers = propagation.fields().map((name) => name.toLowerCase());
const exemplars = new ExemplarStore();
const replay = new SpanReplay(trace.getTracer('tensorgate', version), headers, (exemplar) => {
  exemplars.add(exemplar);
});
/** A collector that is away is given up after OTEL_EXPORTER_OTLP_TIMEOUT, 10 s; timers of its retries would outlive less. */
async function end(): Promise<void> {
  await sdk.shutdown().catch(() => undefined);
  port?.close();
}

/** @returns whether what had ended was taken, or there is nothing that could send it. */
async function flush(): Promise<boolean> {
  const proxy = trace.getTracerProvider();
  const provider: object = proxy instanceof ProxyTracerProvider ? proxy.getDelegate() : proxy;
  if (!('forceFlush' in provider) || typeof provider.forceFlush !== 'function') return true;
  try {
    await provider.forceFlush();
    return true;
  } catch {
    return false;
  }
}

port.on('message', (message: WrittenEvents | SpanCommand) => {
  if (message === spanCommands.end) {
    void end();
    return;
  }
  if (message === spanCommands.flush) {
    void flush().then((taken) => tell({ kind: 'flushed', taken }));
    return;
  }
  const reader = new EventReader(message);
  for (let event = reader.next(); event !== undefined; event = reader.next()) replay.take(event);
  tell({ kind: 'read', exemplars: exemplars.all() });
  exemplars.clear();
});
tell({ kind: 'ready', headers });
