import type { ResponseEnding, ResponseStatistics, StatisticDuration } from '../inference/statistics.ts';

/** Answers of a request that are told apart; those after them are not counted. */
const countedResponses = 64;

/** For each ending: how often, and the sums of the two times in milliseconds. */
const endingFields = 3;
const endings = ['success', 'fail', 'empty', 'cancel'] as const satisfies readonly ResponseEnding[];
const responseFields = endings.length * endingFields;

interface Sums {
  readonly count: number;
  readonly inferMs: number;
  readonly outputMs: number;
}

/** Where shared memory holds what became of the first, the second and so on answer of requests that have several. */
export class ResponseCells {
  readonly #start: number;
  /** The first cell after these. */
  readonly end: number;

  constructor(start: number) {
    this.#start = start;
    this.end = start + countedResponses * responseFields;
  }

  add(numbers: Float64Array, index: number, ending: ResponseEnding, times: Omit<Sums, 'count'>): void {
    if (index >= countedResponses) return;
    const cell = this.#start + index * responseFields + endings.indexOf(ending) * endingFields;
    numbers[cell] = (numbers[cell] ?? 0) + 1;
    numbers[cell + 1] = (numbers[cell + 1] ?? 0) + times.inferMs;
    numbers[cell + 2] = (numbers[cell + 2] ?? 0) + times.outputMs;
  }

  /** By index, without those that never came. */
  read(numbers: Float64Array): readonly ResponseStatistics[] {
    const responses: ResponseStatistics[] = [];
    for (let index = 0; index < countedResponses; index++) {
      const sums = (ending: ResponseEnding): Sums => this.#sums(numbers, index, ending);
      const [success, fail, empty, cancel] = [sums('success'), sums('fail'), sums('empty'), sums('cancel')];
      if (success.count + fail.count + empty.count + cancel.count === 0) continue;
      responses.push({
        index,
        computeInfer: duration(
          success.count + fail.count + empty.count,
          success.inferMs + fail.inferMs + empty.inferMs,
        ),
        computeOutput: duration(success.count + fail.count, success.outputMs + fail.outputMs),
        success: whole(success),
        fail: whole(fail),
        emptyResponse: whole(empty),
        cancel: whole(cancel),
      });
    }
    return responses;
  }

  #sums(numbers: Float64Array, index: number, ending: ResponseEnding): Sums {
    const cell = this.#start + index * responseFields + endings.indexOf(ending) * endingFields;
    return { count: numbers[cell] ?? 0, inferMs: numbers[cell + 1] ?? 0, outputMs: numbers[cell + 2] ?? 0 };
  }
}

function whole({ count, inferMs, outputMs }: Sums): StatisticDuration {
  return duration(count, inferMs + outputMs);
}

function duration(count: number, ms: number): StatisticDuration {
  return { count, ns: Math.round(ms * 1e6) };
}
