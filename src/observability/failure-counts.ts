import { ServingError, type ErrorCode } from '../errors.ts';
import { fronts, type Front } from '../inference/front.ts';

export interface FailureCount {
  readonly front: Front;
  readonly code: ErrorCode;
  /** '' where the error has none. */
  readonly reason: string;
  readonly count: number;
}

type Cells = Map<string | undefined, { code: ErrorCode; reason: string | undefined; count: number }[]>;

/** How requests failed, by the words of their errors: as many cells as the code has words, whatever clients send. */
export class FailureCounts {
  readonly #cells: Readonly<Record<Front, Cells>> = { grpc: new Map(), http: new Map(), embedded: new Map() };

  add(front: Front, thrown: unknown): void {
    const { code, reason } = ServingError.from(thrown);
    const cells = this.#cells[front];
    let found = cells.get(reason);
    if (found === undefined) {
      found = [];
      cells.set(reason, found);
    }
    for (const cell of found) {
      if (cell.code !== code) continue;
      cell.count += 1;
      return;
    }
    found.push({ code, reason, count: 1 });
  }

  read(): readonly FailureCount[] {
    return fronts.flatMap((front) =>
      Array.from(this.#cells[front].values()).flatMap((cells) =>
        cells.map(({ code, reason = '', count }) => ({ front, code, reason, count })),
      ),
    );
  }
}
