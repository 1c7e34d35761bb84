/** Lines of one kind that are printed within a window; further ones are counted. */
const linesPerWindow = 20;

const windowMs = 10_000;

/** Kinds that are told apart. Their texts are the code's own, and models are few. */
const maxKinds = 4096;

interface Kind {
  begunAt: number;
  lines: number;
  suppressed: number;
}

/** What to do with a line. */
export interface Verdict {
  readonly print: boolean;
  /** Lines like it that were not printed since the last one that was. */
  readonly suppressed: number;
}

const printed: Verdict = { print: true, suppressed: 0 };
const passedOver: Verdict = { print: false, suppressed: 0 };

/** Keeps a line that repeats, such as one for each failing request, from filling the log. */
export class Repetition {
  readonly #kinds = new Map<string, Kind>();
  readonly #now: () => number;

  /** @param now In milliseconds, of a clock that does not go back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param fields Lines about different models are of different kinds. */
  judge(message: string, fields: object): Verdict {
    const now = this.#now();
    const key = 'model' in fields ? `${message}\0${String(fields.model)}` : message;
    const kind = this.#kinds.get(key);
    if (kind === undefined) {
      if (this.#kinds.size >= maxKinds) this.#kinds.clear();
      this.#kinds.set(key, { begunAt: now, lines: 1, suppressed: 0 });
      return printed;
    }
    if (now - kind.begunAt >= windowMs) {
      const { suppressed } = kind;
      kind.begunAt = now;
      kind.lines = 1;
      kind.suppressed = 0;
      return suppressed === 0 ? printed : { print: true, suppressed };
    }
    if (kind.lines < linesPerWindow) {
      kind.lines += 1;
      return printed;
    }
    kind.suppressed += 1;
    return passedOver;
  }
}
