import type { Tensor } from '../inference/tensor.ts';
import type { AnswerStore, StoredAnswer } from './answer-store.ts';
import { joinRows } from './rows.ts';

/** What is known of the rows of one request. Equal rows are computed once. */
export class RowLook {
  /** One for each row. */
  readonly keys: readonly string[];
  /** Of the rows that have to be computed, ascending, equal ones once. */
  readonly missing: readonly number[];
  readonly rows: Readonly<Record<'found' | 'repeated' | 'computed', number>>;
  readonly #answers: ReadonlyMap<string, StoredAnswer>;

  constructor(keys: readonly string[], store: AnswerStore, nowMs: number) {
    const answers = new Map<string, StoredAnswer>();
    const missing: number[] = [];
    const seen = new Set<string>();
    let found = 0;
    for (const [row, key] of keys.entries()) {
      if (seen.has(key)) {
        if (answers.has(key)) found += 1;
        continue;
      }
      seen.add(key);
      const answer = store.get(key);
      if (answer === undefined || answer.error !== undefined || nowMs >= answer.expiresAt) {
        missing.push(row);
        continue;
      }
      answers.set(key, answer);
      found += 1;
    }
    this.keys = keys;
    this.missing = missing;
    this.rows = { found, repeated: keys.length - found - missing.length, computed: missing.length };
    this.#answers = answers;
  }

  /** Whether every row has to be computed. */
  get isWhole(): boolean {
    return this.missing.length === this.keys.length;
  }

  /** The part of the rows that has to be computed. */
  get share(): number {
    return this.missing.length / this.keys.length;
  }

  /** All of the answer, which was kept by rows; undefined when something is missing. */
  found(): StoredAnswer | undefined {
    if (this.missing.length > 0) return undefined;
    const outputs = this.#join(this.#answers, ({ outputs: row }) => row);
    const [first] = this.#answers.values();
    if (outputs === undefined || first === undefined) return undefined;
    let { expiresAt, costMs } = first;
    for (const answer of this.#answers.values()) {
      expiresAt = Math.min(expiresAt, answer.expiresAt);
      costMs = Math.max(costMs, answer.costMs);
    }
    return { ...first, outputs, expiresAt, costMs };
  }

  /**
   * All of the answer, of what was kept and what was computed.
   *
   * @param computed outputs of the missing rows, in their order.
   */
  completed(computed: readonly (readonly Tensor[])[]): readonly Tensor[] | undefined {
    const all = new Map<string, readonly Tensor[]>();
    for (const [key, { outputs }] of this.#answers) all.set(key, outputs);
    for (const [index, row] of this.missing.entries()) all.set(this.keys[row] ?? '', computed[index] ?? []);
    return this.#join(all, (row) => row);
  }

  #join<A>(
    answers: ReadonlyMap<string, A>,
    outputsOf: (answer: A) => readonly Tensor[],
  ): readonly Tensor[] | undefined {
    const rows: (readonly Tensor[])[] = [];
    for (const key of this.keys) {
      const answer = answers.get(key);
      if (answer === undefined) return undefined;
      rows.push(outputsOf(answer));
    }
    return joinRows(rows);
  }
}
