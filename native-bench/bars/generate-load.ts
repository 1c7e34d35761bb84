/**
 * The load generator's process: reads a LoadPlan from its argument, prints a LoadResult.
 *
 * Run: node native-bench/bars/generate-load.ts '<plan as JSON>'
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { inferPath } from '../../test/support/raw-infer.ts';
import { H2Sender, requestFrames } from './h2-sender.ts';
import type { LoadPlan, LoadResult, LoadStream, Pace, StreamResult } from './load-plan.ts';

/** How long answers may stay out after the last request. */
const drainMs = 5000;
/** A stream is at most so many requests. */
const mostRequests = 4 << 20;

/** Poisson arrivals by inversion, seeded: the same gaps in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Requests per millisecond at a moment of an open pace. */
function rateAt(pace: Exclude<Pace, { kind: 'closed' }>, ms: number): number {
  if (pace.kind === 'open') return pace.perSecond / 1000;
  const high = Math.floor(ms / pace.stateMs) % 2 === 1;
  return (high ? pace.highPerSecond : pace.lowPerSecond) / 1000;
}

class RunningStream {
  readonly #stream: LoadStream;
  readonly #plan: LoadPlan;
  readonly #requests: readonly Buffer[];
  readonly #sentAt = new Float64Array(mostRequests);
  readonly #random = seeded(1);
  readonly #okUs: number[] = [];
  readonly #refusedUs: number[] = [];
  readonly #lagUs: number[] = [];
  readonly #endings: Record<string, number> = {};
  readonly #cancels: {
    readonly at: number;
    readonly token: number;
    readonly sender: H2Sender;
    readonly h2: number;
  }[] = [];
  readonly #ended = new Uint8Array(mostRequests);
  #senders: readonly H2Sender[] = [];
  #from = Infinity;
  #to = Infinity;
  #next = 0;
  #nextAt = 0;
  #sent = 0;
  #ok = 0;
  #okInAll = 0;
  #inTime = 0;
  #lostAfterWaiting = 0;
  #cancelAt = 0;
  open = 0;

  constructor(stream: LoadStream, plan: LoadPlan) {
    this.#stream = stream;
    this.#plan = plan;
    const body = readFileSync(stream.framedFile);
    const timeouts = stream.timeoutsMs.length === 0 ? [undefined] : stream.timeoutsMs;
    this.#requests = timeouts.map((timeoutMs) => requestFrames(inferPath, body, timeoutMs));
  }

  get total(): number {
    return this.#next;
  }

  async connect(): Promise<void> {
    this.#senders = await Promise.all(
      Array.from({ length: this.#stream.connections }, () =>
        H2Sender.open(this.#plan.port, (token, status) => this.#onEnd(token, status)),
      ),
    );
  }

  start(nowMs: number): void {
    this.#from = nowMs + this.#plan.warmUpMs;
    this.#to = this.#from + this.#plan.measureMs;
    this.#nextAt = nowMs;
    const { pace } = this.#stream;
    if (pace.kind === 'closed') for (let i = 0; i < pace.inFlight; i++) this.#send(nowMs);
  }

  /** Sends what is due and cancels what has waited long enough. */
  tick(nowMs: number): void {
    const { pace } = this.#stream;
    if (pace.kind !== 'closed') {
      while (this.#nextAt <= nowMs && this.#nextAt < this.#to) {
        if (this.#nextAt >= this.#from) this.#lagUs.push((nowMs - this.#nextAt) * 1000);
        this.#send(nowMs);
        this.#nextAt += -Math.log(1 - this.#random()) / rateAt(pace, this.#nextAt);
      }
    }
    for (; this.#cancelAt < this.#cancels.length; this.#cancelAt++) {
      const due = this.#cancels[this.#cancelAt];
      if (due === undefined || due.at > nowMs) return;
      if (this.#ended[due.token] === 1) continue;
      due.sender.cancel(due.h2);
      this.#count(due.token, 'cancelled', nowMs);
    }
  }

  #send(nowMs: number): void {
    const token = this.#next++;
    const sender = this.#senders[token % this.#senders.length];
    const request = this.#requests[token % this.#requests.length];
    if (sender === undefined || request === undefined || token >= mostRequests)
      throw new Error('bug: too many requests');
    this.#sentAt[token] = nowMs;
    this.open += 1;
    if (nowMs >= this.#from && nowMs < this.#to) this.#sent += 1;
    const h2 = sender.send(request, token);
    const { cancelAfterMs } = this.#stream;
    if (cancelAfterMs > 0 && h2 > 0) this.#cancels.push({ at: nowMs + cancelAfterMs, token, sender, h2 });
  }

  #onEnd(token: number, status: string): void {
    const nowMs = performance.now();
    this.#count(token, status, nowMs);
    if (this.#stream.pace.kind === 'closed' && nowMs < this.#to) this.#send(nowMs);
  }

  #count(token: number, status: string, nowMs: number): void {
    this.open -= 1;
    this.#ended[token] = 1;
    const sentAt = this.#sentAt[token] ?? 0;
    const tookMs = nowMs - sentAt;
    if (status === '0') this.#okInAll += 1;
    else if (tookMs > 2) this.#lostAfterWaiting += 1;
    const closed = this.#stream.pace.kind === 'closed';
    // A closed loop is measured by what came back in the time, an open one by what became of what was sent in it.
    const moment = closed ? nowMs : sentAt;
    if (moment < this.#from || moment >= this.#to) return;
    this.#endings[status] = (this.#endings[status] ?? 0) + 1;
    if (status !== '0') {
      if (status !== 'cancelled') this.#refusedUs.push(tookMs * 1000);
      return;
    }
    this.#ok += 1;
    this.#okUs.push(tookMs * 1000);
    const { timeoutsMs } = this.#stream;
    const timeoutMs = timeoutsMs.length === 0 ? Infinity : (timeoutsMs[token % timeoutsMs.length] ?? 0);
    if (tookMs <= timeoutMs) this.#inTime += 1;
  }

  result(): StreamResult {
    return {
      name: this.#stream.name,
      sent: this.#sent,
      ok: this.#ok,
      inTime: this.#inTime,
      seconds: this.#plan.measureMs / 1000,
      endings: this.#endings,
      lostAfterWaiting: this.#lostAfterWaiting,
      okInAll: this.#okInAll,
      okP50Us: quantile(this.#okUs, 0.5),
      okP99Us: quantile(this.#okUs, 0.99),
      refusedP99Us: quantile(this.#refusedUs, 0.99),
      lagP99Us: quantile(this.#lagUs, 0.99),
    };
  }

  close(): void {
    for (const sender of this.#senders) sender.close();
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted.length === 0 ? 0 : (sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
}

async function generate(plan: LoadPlan): Promise<LoadResult> {
  const streams = plan.streams.map((stream) => new RunningStream(stream, plan));
  await Promise.all(streams.map((stream) => stream.connect()));
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const endsAt = startedAt + plan.warmUpMs + plan.measureMs;
  for (const stream of streams) stream.start(startedAt);
  const ticking = plan.streams.some(({ pace, cancelAfterMs }) => pace.kind !== 'closed' || cancelAfterMs > 0);
  for (;;) {
    await pause(ticking ? 1 : 20);
    const nowMs = performance.now();
    for (const stream of streams) stream.tick(nowMs);
    const open = streams.reduce((sum, stream) => sum + stream.open, 0);
    if (nowMs > endsAt && (open === 0 || nowMs > endsAt + drainMs)) break;
  }
  const { user, system } = process.cpuUsage(cpu);
  const total = streams.reduce((sum, stream) => sum + stream.total, 0);
  for (const stream of streams) stream.close();
  const all = process.cpuUsage();
  return {
    streams: streams.map((stream) => stream.result()),
    cpuUsPerRequest: (user + system) / total,
    cpuMs: (all.user + all.system) / 1000,
  };
}

const plan: LoadPlan = JSON.parse(process.argv[2] ?? '');
process.stdout.write(JSON.stringify(await generate(plan)));
