import { ServingError } from '../errors.ts';
import { CallContext, type ComputeTimes } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { SequencePlan } from '../inference/sequence.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Clock } from '../util/clock.ts';
import { correlationElement, correlationId, sequenceKey } from './correlation-id.ts';
import { refuse } from './refusals.ts';
import { Sequence, type Entry } from './sequence.ts';
import { sameSizes, splitRows, type ReadRows } from './slot-rows.ts';
import { batchOf, countFailure, countGroup, type GroupRun, type Turn } from './turn.ts';
import { answerTo, initialStates, nextStates, sizeOf, wholeInputs, wholeOutputs } from './whole-request.ts';

export interface SequenceTools {
  readonly clock: Clock;
  readonly submit: (target: Target, request: InferRequest, call: CallContext) => Promise<InferResponse>;
  readonly readRows: ReadRows;
}

/** Requests of all sequences of a model that wait for their turn. Their bytes are bounded by the server's budget. */
const maxWaiting = 4096;

/** The sequences of one model version. Of each, one request runs at a time, in the order in which they came. */
export class SequenceModel {
  readonly #target: Target;
  readonly #plan: SequencePlan;
  readonly #tools: SequenceTools;
  readonly #initial: readonly Tensor[];
  readonly #sequences = new Map<string, Sequence>();
  /** Who holds each slot. */
  readonly #slots: (Sequence | undefined)[];
  /** Sequences that wait for a slot, in the order in which they came. */
  readonly #backlog = new Set<Sequence>();
  /** Of the direct strategy: slot i is row i / groups of group i % groups, and the rows of a group run together. */
  readonly #groups: boolean[];
  #waiting = 0;
  #stateBytes = 0;
  #timer: Disposable | undefined = undefined;
  #drained: (() => void) | undefined = undefined;

  constructor(target: Target, plan: SequencePlan, tools: SequenceTools) {
    this.#target = target;
    this.#plan = plan;
    this.#tools = tools;
    this.#initial = initialStates(plan);
    this.#slots = Array.from({ length: plan.slots }, () => undefined);
    const rows = Math.max(1, target.spec.maxBatchSize);
    const together = plan.strategy === 'direct' && rows > 1;
    this.#groups = Array.from({ length: together ? Math.ceil(plan.slots / rows) : 0 }, () => false);
  }

  submit(request: InferRequest, call: CallContext): Promise<InferResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<InferResponse>();
    try {
      this.#enter(request, call, { resolve, reject });
    } catch (thrown) {
      const error = ServingError.from(thrown);
      countFailure(this.#target, call, error, this.#tools.clock.now());
      reject(error);
    }
    return promise;
  }

  /** Resolves when nothing waits or runs; what is left of sequences is gone then. */
  async drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    for (const sequence of this.#backlog) {
      for (const entry of sequence.waiting.splice(0))
        this.#refuseWaiting(entry, refuse.unloading(this.#target.spec));
    }
    for (const sequence of this.#sequences.values()) if (sequence.idle) this.#remove(sequence);
    if (this.#sequences.size === 0) resolve();
    await promise;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #enter(request: InferRequest, call: CallContext, answer: Pick<Entry, 'resolve' | 'reject'>): void {
    const { spec } = this.#target;
    if (spec.maxBatchSize > 0 && request.inputs[0]?.shape[0] !== 1) throw refuse.rows(spec);
    const id = correlationId(request.parameters);
    if (id === undefined) throw refuse.noId(spec);
    for (const { kind, datatype } of this.#plan.controls) {
      if (kind === 'corrid' && correlationElement(id, datatype) === undefined) {
        throw refuse.idDatatype(spec, datatype);
      }
    }
    const start = request.parameters.get('sequence_start') === true;
    const end = request.parameters.get('sequence_end') === true;
    const key = sequenceKey(call.principal.name, id);
    const known = this.#sequences.get(key);
    if (!start && known?.open !== true) throw refuse.notStarted(spec, id);
    if (this.#waiting >= maxWaiting) throw refuse.tooManyWaiting(spec);
    const sequence = known ?? this.#begin(key);
    const since = this.#tools.clock.now();
    const entry: Entry = {
      request,
      call,
      id,
      start,
      end,
      since,
      ...answer,
      timer: undefined,
      gone: undefined,
    };
    sequence.open = !end;
    sequence.waiting.push(entry);
    this.#waiting += 1;
    if (call.deadline < Infinity) {
      entry.timer = this.#tools.clock.after(Math.max(0, call.deadline - since), () =>
        this.#giveUp(sequence, entry, refuse.late()),
      );
    }
    call.onCancelled(() => this.#giveUp(sequence, entry, refuse.cancelled()));
    this.#proceed(sequence);
  }

  #begin(key: string): Sequence {
    const { maxSequences } = this.#plan;
    if (this.#sequences.size >= maxSequences) throw refuse.tooManySequences(this.#target.spec, maxSequences);
    const sequence = new Sequence(key);
    if (!this.#keep(sequence, this.#initial)) throw refuse.tooManyBytes(this.#target.spec);
    this.#sequences.set(key, sequence);
    return sequence;
  }

  /** Does what is next in a sequence after anything has changed in it. */
  #proceed(sequence: Sequence): void {
    if (sequence.running !== undefined || this.#sequences.get(sequence.key) !== sequence) return;
    if (sequence.idle) {
      if (!sequence.open || this.#drained !== undefined) this.#remove(sequence);
      else this.#rest(sequence);
      return;
    }
    if (sequence.slot < 0) {
      this.#backlog.add(sequence);
      this.#assign();
    } else if (this.#groups.length > 0) this.#runGroup(sequence.slot % this.#groups.length);
    else this.#runAlone(sequence);
  }

  #assign(): void {
    for (const sequence of this.#backlog) {
      const slot = this.#slots.indexOf(undefined);
      if (slot < 0) return;
      this.#slots[slot] = sequence;
      sequence.slot = slot;
      this.#backlog.delete(sequence);
      this.#proceed(sequence);
    }
  }

  #remove(sequence: Sequence): void {
    this.#sequences.delete(sequence.key);
    this.#backlog.delete(sequence);
    this.#set(sequence, []);
    if (sequence.slot >= 0) this.#slots[sequence.slot] = undefined;
    sequence.slot = -1;
    if (this.#sequences.size === 0) this.#drained?.();
    this.#assign();
  }

  /** @returns false when the states are more bytes than there may be; the old ones are kept then. */
  #keep(sequence: Sequence, states: readonly Tensor[]): boolean {
    const more = sizeOf(states) - sequence.stateBytes;
    if (more > 0 && this.#stateBytes + more > this.#plan.maxStateBytes) return false;
    this.#set(sequence, states);
    return true;
  }

  #set(sequence: Sequence, states: readonly Tensor[]): void {
    const sizeBytes = sizeOf(states);
    this.#stateBytes += sizeBytes - sequence.stateBytes;
    sequence.stateBytes = sizeBytes;
    sequence.states = states;
  }

  #rest(sequence: Sequence): void {
    sequence.activeAt = this.#tools.clock.now();
    this.#timer ??= this.#tools.clock.after(this.#plan.idleMs, () => this.#endIdle());
  }

  /** At most eight times per idle time, however many sequences there are. */
  #endIdle(): void {
    const { idleMs } = this.#plan;
    const nowMs = this.#tools.clock.now();
    this.#timer = undefined;
    let next = Infinity;
    for (const sequence of this.#sequences.values()) {
      if (!sequence.idle) continue;
      if (sequence.activeAt + idleMs <= nowMs) this.#remove(sequence);
      else next = Math.min(next, sequence.activeAt + idleMs);
    }
    if (next === Infinity) return;
    this.#timer = this.#tools.clock.after(Math.max(idleMs / 8, next - nowMs), () => this.#endIdle());
  }

  /** The caller is gone: nothing of the sequence may run on a state that lacks its request. */
  #giveUp(sequence: Sequence, entry: Entry, error: ServingError): void {
    if (entry === sequence.running) {
      // Its row is being computed; the others of the batch are not disturbed.
      entry.gone = error;
      this.#settle(entry);
      entry.reject(error);
      return;
    }
    const index = sequence.waiting.indexOf(entry);
    if (index < 0) return;
    sequence.waiting.splice(index, 1);
    this.#refuseWaiting(entry, error);
    this.#break(sequence, index);
    this.#proceed(sequence);
  }

  #break(sequence: Sequence, index: number): void {
    for (const entry of sequence.breakAt(index)) {
      this.#refuseWaiting(entry, refuse.notStarted(this.#target.spec, entry.id));
    }
  }

  #refuseWaiting(entry: Entry, error: ServingError): void {
    this.#waiting -= 1;
    this.#settle(entry);
    countFailure(this.#target, entry.call, error, this.#tools.clock.now());
    entry.reject(error);
  }

  #settle(entry: Entry): void {
    entry.timer?.[Symbol.dispose]();
    entry.timer = undefined;
    entry.call.onCancelled(undefined);
  }

  /** What the next request of a sequence would run with. */
  #turnOf(sequence: Sequence): Turn | undefined {
    const [entry] = sequence.waiting;
    if (entry === undefined || sequence.running !== undefined) return undefined;
    const states = entry.start ? this.#initial : sequence.states;
    return {
      sequence,
      entry,
      states,
      inputs: wholeInputs(this.#plan, entry.request.inputs, states, { ...entry, ready: true }),
    };
  }

  #take({ sequence, entry, states }: Turn): void {
    sequence.waiting.shift();
    this.#waiting -= 1;
    sequence.running = entry;
    if (entry.start) this.#set(sequence, states);
  }

  #runAlone(sequence: Sequence): void {
    const turn = this.#turnOf(sequence);
    if (turn === undefined) return;
    this.#take(turn);
    const { entry, inputs } = turn;
    // The batcher watches over its call from here.
    this.#settle(entry);
    const outputs = wholeOutputs(this.#plan, [entry.request]);
    this.#tools.submit(this.#plan.model, { ...entry.request, inputs, outputs }, entry.call).then(
      (response) => this.#answered(turn, response, response.outputs),
      (error: unknown) => this.#failed(turn, ServingError.from(error)),
    );
  }

  #answered({ sequence, entry }: Turn, response: InferResponse, outputs: readonly Tensor[]): void {
    const { spec } = this.#target;
    sequence.running = undefined;
    const states = entry.end ? this.#initial : nextStates(this.#plan, outputs);
    let error = entry.gone;
    if (typeof states === 'string') error ??= refuse.badState(spec, states);
    else if (!this.#keep(sequence, states)) error ??= refuse.tooManyBytes(spec);
    if (error === undefined) entry.resolve(answerTo(entry.request, response, outputs));
    else {
      entry.reject(error);
      this.#break(sequence, 0);
    }
    this.#proceed(sequence);
  }

  #failed({ sequence, entry }: Turn, error: ServingError): void {
    sequence.running = undefined;
    entry.reject(error);
    this.#break(sequence, 0);
    this.#proceed(sequence);
  }

  /** Runs what is next in all sequences of a group, each in its own row. */
  #runGroup(group: number): void {
    if (this.#groups[group] === true) return;
    const turns = this.#turnsOf(group);
    const [lead] = turns;
    if (lead === undefined) return;
    this.#groups[group] = true;
    const call = new CallContext(this.#tools.clock.now(), Infinity, lead.entry.call.principal);
    const times: ComputeTimes = { inputMs: 0, inferMs: 0, outputMs: 0, shareMs: 0 };
    call.front = lead.entry.call.front;
    call.times = times;
    const { batch, count } = batchOf(this.#plan, turns, (sequence) => this.#rowOf(sequence));
    const run = { turns, count, call, times };
    this.#tools.submit(this.#plan.model, batch, call).then(
      (response) => this.#onGroup(group, { ...run, response }),
      (error: unknown) => this.#onGroup(group, { ...run, error: ServingError.from(error) }),
    );
  }

  #rowOf(sequence: Sequence): number {
    return Math.floor(sequence.slot / this.#groups.length);
  }

  /** Those that came first, and whatever has the same sizes. */
  #turnsOf(group: number): readonly Turn[] {
    const turns = this.#slots.flatMap((sequence, slot) =>
      sequence === undefined || slot % this.#groups.length !== group ? [] : (this.#turnOf(sequence) ?? []),
    );
    const [lead] = turns.toSorted((a, b) => a.entry.since - b.entry.since);
    if (lead === undefined) return [];
    const fitting = turns.filter((turn) => sameSizes(turn.inputs, lead.inputs));
    for (const turn of fitting) this.#take(turn);
    return fitting;
  }

  #onGroup(group: number, run: GroupRun): void {
    const { turns, count, response } = run;
    run.call.finish();
    const rows = response && splitRows(response.outputs, count, this.#tools.readRows);
    const error = run.error ?? refuse.badRows(this.#target.spec);
    countGroup(this.#target, run, rows === undefined ? error : undefined, this.#tools.clock.now());
    for (const turn of turns) {
      this.#settle(turn.entry);
      const outputs = rows?.[this.#rowOf(turn.sequence)];
      if (response !== undefined && outputs !== undefined) this.#answered(turn, response, outputs);
      else this.#failed(turn, error);
    }
    this.#groups[group] = false;
    this.#runGroup(group);
  }
}
