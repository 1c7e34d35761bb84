import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { propagation, trace } from '@opentelemetry/api';
import type { Exemplar } from '../../inference/exemplar.ts';
import { loadSdk, sender } from '../telemetry-sdk.ts';
import { chosenSampler, chooseRootsByEnvironment } from './root-choice.ts';
import type { SpanEvent, SpanThreadMessage, SpanThreadSetup } from './span-events.ts';
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
    ...(choice === undefined ? {} : { sampler: chosenSampler }),
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
let exemplars: Exemplar[] = [];
const replay = new SpanReplay(trace.getTracer('tensorgate', version), headers, (exemplar) => {
  exemplars.push(exemplar);
});
/** A collector that is away is given up after OTEL_EXPORTER_OTLP_TIMEOUT, 10 s; timers of its retries would outlive less. */
async function end(): Promise<void> {
  await sdk.shutdown().catch(() => undefined);
  port?.close();
}

port.on('message', (text: string) => {
  if (text === '') {
    void end();
    return;
  }
  // As `SpanThread` writes it.
  const events: readonly SpanEvent[] = JSON.parse(text);
  for (const event of events) replay.take(event);
  tell({ kind: 'read', exemplars });
  exemplars = [];
});
tell({ kind: 'ready', headers });
