import type {
  CacheBypassReason,
  CachedRows,
  CacheOutcome,
  CacheReading,
  CachingPlan,
} from '../inference/caching.ts';
import type { Target } from '../inference/target.ts';
import type { AnswerStore } from './answer-store.ts';
import { PayRule } from './pay-rule.ts';
import { hasRowAnswers } from './rows.ts';
import type { SharedAnswers, SharedEvents } from './shared-answers.ts';

/** Callers come and go; beyond so many their owners' texts are made anew. */
const mostTenants = 256;

/** What the cache knows and counts of one target. */
export class ModelCache {
  readonly target: Target;
  readonly name: string;
  readonly digest: string;
  readonly rule: PayRule;
  readonly random: boolean;
  /** Rows have answers of their own; false too once the model has shown that they have not. */
  rowwise: boolean;
  readonly rows: Record<CachedRows, number> = { found: 0, repeated: 0, computed: 0 };
  readonly requests: Record<CacheOutcome, number> = { hit: 0, stale: 0, joined: 0, shared: 0, miss: 0 };
  readonly bypassed: Record<CacheBypassReason, number> = {
    random_operators: 0,
    does_not_pay: 0,
  };
  readonly sharedEvents: SharedEvents = {
    timeout: 0,
    error: 0,
    invalid: 0,
    written: 0,
    unwritten: 0,
    fetched: 0,
  };
  /** Whether what others are asked for most has been looked for. */
  prefetched = false;
  /** Changes when its answers are purged: what was begun before is not kept. */
  era = 0;
  /** Executions under way on behalf of the cache. */
  running = 0;
  #onIdle: (() => void)[] = [];
  readonly #owners = new Map<string, string>();

  constructor(target: Target, plan: CachingPlan) {
    this.target = target;
    this.name = target.spec.name;
    this.digest = target.spec.digest;
    this.random = plan.randomOperator !== '';
    this.rowwise = hasRowAnswers(target);
    this.rule = new PayRule(target.rehearsed?.find(({ rows }) => rows === 1)?.ms ?? 0);
  }

  /** Whose answers a tenant's requests may have: model content, configuration, and the tenant. */
  ownerFor(tenant: string): string {
    const known = this.#owners.get(tenant);
    if (known !== undefined) return known;
    if (this.#owners.size >= mostTenants) this.#owners.clear();
    const owner = `${this.digest}\n${tenant.length}:${tenant}`;
    this.#owners.set(tenant, owner);
    return owner;
  }

  ended(): void {
    this.running -= 1;
    if (this.running > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when no execution is under way. */
  idle(): Promise<void> {
    if (this.running === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle.push(resolve);
    return promise;
  }

  reading(store: AnswerStore, shared: SharedAnswers | undefined): CacheReading {
    const { rule, requests, bypassed } = this;
    const { entries, sizeBytes } = store.part(this.digest);
    return {
      offReason: this.random ? 'random_operators' : rule.pays ? '' : 'does_not_pay',
      requests: { ...requests },
      bypassed: { ...bypassed },
      rows: { ...this.rows },
      entries,
      sizeBytes,
      hitRatio: rule.hitRatio,
      lookupMs: rule.lookupMs,
      insertMs: rule.insertMs,
      computeMs: rule.computeMs,
      shared: shared?.reading(rule.computeMs, this.sharedEvents),
    };
  }
}
