import type { Principal } from '../inference/principal.ts';
import type { InferRequest } from '../inference/request.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import { Breaker } from '../util/breaker.ts';
import type { BreakerCause, BreakerState } from '../util/breaker-policy.ts';
import type { Clock } from '../util/clock.ts';
import type { ModelCosts } from './cost-book.ts';
import type { Entry } from './entry.ts';
import type { HeldBatch } from './held-batch.ts';
import { InOrder } from './in-order.ts';
import { Lane } from './lane.ts';
import { modelBreakerLimits, trySample } from './model-breaker.ts';
import { OutputSets } from './outputs.ts';
import { PaddingPlan } from './padding-plan.ts';
import { initialDoorMargin } from './policy/door-margin.ts';
import { isStanding, lastShortAt, sojournTargetMs } from './policy/sojourn.ts';
import { PrincipalAccount } from './principal-queue.ts';
import { Quarantine } from './quarantine.ts';
import { RetryBudget } from './retry-budget.ts';
import { hasOneSignature, sameSignature, signatureOf, sizeClassOf } from './signature.ts';
import { Slot } from './slot.ts';
import { TargetCounters } from './target-counters.ts';

/** Lanes kept although nothing waits in them, so that a usual shape finds its lane ready. */
const keptLanes = 64;

/** Costs older than this refuse nobody: one request is let through to measure again. */
const costsTrustedMs = 1_000;

export interface TargetQueueOptions {
  readonly clock: Clock;
  /** One of its executors may take a batch. */
  readonly onIdle: (queue: TargetQueue) => void;
  /** Its breaker has changed its state. */
  readonly onBreaker: (queue: TargetQueue, state: BreakerState) => void;
}

/** Everything that waits for one target, and the executors that it waits for. Decides nothing. */
export class TargetQueue implements Disposable {
  readonly target: Target;
  readonly costs: ModelCosts;
  readonly slots: readonly Slot[];
  readonly outputs: OutputSets;
  readonly inOrder: InOrder | undefined;
  readonly stepwise: boolean;
  readonly counters: TargetCounters;
  readonly breaker: Breaker;
  /** Why the breaker opened last; '' before it ever did. */
  breakerCause: BreakerCause | '' = '';
  /** A sample is to run as soon as an executor can. */
  sampleWaits: PromiseWithResolvers<void> | undefined = undefined;
  /** Runs that were given up. */
  hungRuns = 0;
  readonly retries = new RetryBudget();
  readonly quarantine = new Quarantine();
  /** Lanes where something waits, in no order. */
  readonly activeLanes: Lane[] = [];
  /** Served before any lane, first in first out. */
  readonly held: HeldBatch[] = [];
  readonly accounts: PrincipalAccount[] = [];
  requests = 0;
  rows = 0;
  sizeBytes = 0;
  /** Estimated device time of all that waits in lanes. */
  workMs = 0;
  /** Requests that have no answer yet, waiting or running. */
  unanswered = 0;
  runningBatches = 0;
  /** The dispatcher knows that something waits here. */
  listed = false;
  /** Device time it may use before other targets have had their turn. */
  deficitMs = 0;
  batchingOffReason = '';
  /** How much later than predicted answers are taken to come at the door. */
  doorMargin = initialDoorMargin;
  /** undefined unless requests of different sizes are padded. */
  readonly padding: PaddingPlan | undefined;
  readonly #lanes = new Map<string, Lane>();
  readonly #oneSignature: boolean;
  readonly #firstDim: 0 | 1;
  #lastLane: Lane | undefined;
  #virtualNow = 0;
  #shortAt = -Infinity;

  constructor(target: Target, costs: ModelCosts, { clock, onIdle, onBreaker }: TargetQueueOptions) {
    this.target = target;
    this.costs = costs;
    this.slots = target.executors.map((executor) => new Slot(executor, clock, () => onIdle(this)));
    this.breaker = new Breaker({
      clock,
      limits: modelBreakerLimits,
      sample: () => trySample(this, clock),
      onChange: (state) => onBreaker(this, state),
    });
    this.outputs = new OutputSets(target.spec);
    this.inOrder = target.scheduling.preserveOrdering ? new InOrder() : undefined;
    this.stepwise = target.scheduling.stepwise;
    this.counters = new TargetCounters(this.maxRows);
    const { padding } = target.scheduling;
    this.padding = padding.length === 0 ? undefined : new PaddingPlan(target.spec, padding);
    this.#oneSignature = hasOneSignature(target.spec);
    this.#firstDim = target.spec.maxBatchSize > 0 ? 1 : 0;
  }

  /** Rows of the largest batch; 1 for models without a batch dimension. */
  get maxRows(): number {
    return Math.max(1, this.target.spec.maxBatchSize);
  }

  /** Requests must not share a batch. */
  get alone(): boolean {
    const { spec, scheduling } = this.target;
    return spec.maxBatchSize === 0 || !scheduling.dynamicBatching || this.batchingOffReason !== '';
  }

  get waiting(): boolean {
    return this.activeLanes.length > 0 || this.held.length > 0;
  }

  rowsOf(request: InferRequest): number {
    return this.target.spec.maxBatchSize > 0 ? (request.inputs[0]?.shape[0] ?? 1) : 1;
  }

  laneOf(request: InferRequest, rows: number): Lane {
    const last = this.#lastLane;
    if (last !== undefined && this.#oneSignature) return last;
    const inputs = this.target.scheduling.ragged === undefined ? request.inputs : this.#evenInputs(request);
    if (last !== undefined && sameSignature(last.sample, inputs, this.#firstDim)) return last;
    const plan = this.padding;
    const bounds = plan?.boundsOf(request);
    if (plan !== undefined && bounds !== undefined) return this.#paddedLane(plan, request, rows, bounds);
    const signature = signatureOf(inputs, this.#firstDim);
    let lane = this.#lanes.get(signature);
    if (lane === undefined) {
      lane = new Lane(inputs, this.costs.table(sizeClassOf(inputs, rows)), undefined);
      this.#keep(signature, lane);
    }
    this.#lastLane = lane;
    return lane;
  }

  /** The inputs in which requests must agree. */
  #evenInputs({ inputs }: InferRequest): readonly Tensor[] {
    return inputs.filter((_, index) => this.target.spec.inputs[index]?.allowRagged !== true);
  }

  #paddedLane(plan: PaddingPlan, request: InferRequest, rows: number, bounds: readonly number[]): Lane {
    const family = plan.familyOf(request.inputs);
    const key = `${family}${bounds.join()}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const sample = plan.atBounds(request.inputs, bounds);
      const bucket = { bounds, family, mostRows: plan.mostRows(request.inputs, bounds) };
      lane = new Lane(sample, this.costs.table(sizeClassOf(sample, rows)), bucket);
      this.#keep(key, lane);
    }
    return lane;
  }

  #keep(key: string, lane: Lane): void {
    if (this.#lanes.size >= keptLanes + this.activeLanes.length) this.#forgetIdleLanes();
    this.#lanes.set(key, lane);
  }

  accountOf(principal: Principal): PrincipalAccount {
    for (const account of this.accounts) if (account.name === principal.name) return account;
    const account = new PrincipalAccount(principal.name, principal.weight, this.#virtualNow);
    this.accounts.push(account);
    return account;
  }

  add(lane: Lane, entry: Entry): void {
    const account = this.accountOf(entry.call.principal);
    // Who comes back gets no credit for the time without requests.
    if (account.queuedRows === 0) account.virtualTime = Math.max(account.virtualTime, this.#virtualNow);
    lane.add(entry, account);
    this.#count(lane, entry, 1);
  }

  /** Puts back, in its place, what was taken for a batch and did not go with it. */
  restore(lane: Lane, entry: Entry): void {
    const account = this.accountOf(entry.call.principal);
    account.virtualTime -= entry.rows / account.weight;
    const home = this.homeOf(lane, entry);
    home.restore(entry, account);
    this.#count(home, entry, 1);
  }

  /** Where a request waits that a batch of `lane` was formed with: a padded one may have been a guest. */
  homeOf(lane: Lane, entry: Entry): Lane {
    return lane.bucket === undefined ? lane : this.laneOf(entry.request, entry.rows);
  }

  /** Takes a waiting entry out of its lane. */
  remove(entry: Entry): void {
    const home = entry.home;
    if (home === undefined) return;
    const { account } = home;
    const { lane } = home.level;
    lane.remove(entry);
    this.#count(lane, entry, -1);
    if (account.queuedRows === 0 && this.accounts.length > 1) {
      this.accounts.splice(this.accounts.indexOf(account), 1);
    }
  }

  /** As `remove`, and charges the principal for it. */
  take(entry: Entry): void {
    const account = entry.home?.account;
    if (account !== undefined) {
      this.#virtualNow = Math.max(this.#virtualNow, account.virtualTime);
      account.virtualTime += entry.rows / account.weight;
    }
    this.remove(entry);
  }

  /** Whether the learned costs are fresh enough to turn somebody away. */
  trustsCosts(nowMs: number): boolean {
    if (this.runningBatches > 0) return true;
    for (const slot of this.slots) if (nowMs - slot.lastEndedAt < costsTrustedMs) return true;
    return false;
  }

  /** Whether the queue has been long for so long that the newest requests without a deadline go first. */
  standing(nowMs: number): boolean {
    if (this.inOrder !== undefined) return false;
    let oldestMs = 0;
    let fullBatchMs = 0;
    for (const lane of this.activeLanes) {
      fullBatchMs = Math.max(fullBatchMs, lane.costs.estimateMs(lane.costs.knee));
      for (const level of lane.levels) {
        for (const { oldestPatient } of level.principals) {
          if (oldestPatient !== undefined) oldestMs = Math.max(oldestMs, nowMs - oldestPatient.queuedAt);
        }
      }
    }
    this.#shortAt = lastShortAt(this.#shortAt, nowMs, oldestMs, sojournTargetMs(fullBatchMs));
    return isStanding(this.#shortAt, nowMs);
  }

  oldestQueuedAt(): number {
    let oldest = Infinity;
    for (const lane of this.activeLanes) {
      for (const level of lane.levels) oldest = Math.min(oldest, level.oldestQueuedAt());
    }
    for (const { entries } of this.held)
      for (const entry of entries) oldest = Math.min(oldest, entry.queuedAt);
    return oldest;
  }

  /** Estimated device time of the batches that have left their lanes and wait for an executor. */
  heldMs(): number {
    let ms = 0;
    for (const { lane, entries, batch } of this.held) {
      ms += lane.costs.estimateMs(batch?.rows ?? entries.reduce((rows, entry) => rows + entry.rows, 0));
    }
    return ms;
  }

  /** Milliseconds until an executor is free; 0 when that is unknown because all are down. */
  soonFreeMs(nowMs: number): number {
    let soonest = Infinity;
    for (const slot of this.slots) soonest = Math.min(soonest, slot.freeInMs(nowMs));
    return soonest === Infinity ? 0 : soonest;
  }

  [Symbol.dispose](): void {
    this.breaker[Symbol.dispose]();
    for (const slot of this.slots) slot[Symbol.dispose]();
  }

  #count(lane: Lane, entry: Entry, sign: 1 | -1): void {
    this.requests += sign;
    this.rows += sign * entry.rows;
    this.sizeBytes += sign * entry.sizeBytes;
    this.target.statistics.setPending(this.requests);
    const workMs = this.#workOf(lane);
    this.workMs += workMs - lane.workMs;
    lane.workMs = workMs;
    if (lane.requests === 0) this.#deactivate(lane);
    if (this.activeLanes.length === 0) this.workMs = 0;
    if (lane.requests === 0) return;
    if (lane.activeIndex < 0) lane.activeIndex = this.activeLanes.push(lane) - 1;
  }

  #workOf(lane: Lane): number {
    const { costs, rows, requests } = lane;
    if (rows === 0) return 0;
    if (this.alone) return requests * costs.estimateMs(Math.ceil(rows / requests));
    const full = costs.knee;
    const rest = rows % full;
    return ((rows - rest) / full) * costs.estimateMs(full) + (rest === 0 ? 0 : costs.estimateMs(rest));
  }

  #deactivate(lane: Lane): void {
    const index = lane.activeIndex;
    if (index < 0) return;
    lane.activeIndex = -1;
    const last = this.activeLanes.pop();
    if (last === undefined || last === lane) return;
    this.activeLanes[index] = last;
    last.activeIndex = index;
  }

  #forgetIdleLanes(): void {
    for (const [signature, lane] of this.#lanes) if (lane.requests === 0) this.#lanes.delete(signature);
  }
}
