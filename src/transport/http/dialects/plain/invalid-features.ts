import { ServingError } from '../../../../errors.ts';
import { printable } from '../../../../util/printable.ts';
import { jsonReply, type HttpReply } from '../../reply.ts';
import { errorReply } from '../../status.ts';

/** One feature that a prediction cannot be made from. */
export interface FeatureMistake {
  /** Of a batch, from 0; undefined for a single prediction. */
  readonly row: number | undefined;
  /** undefined for a position that has no name. */
  readonly feature: string | undefined;
  /** From 0; undefined for a name that is not the model's. */
  readonly index: number | undefined;
  /** The end of a sentence that begins with the feature. */
  readonly problem: string;
}

/** More are counted, but not listed. */
const maxListed = 1000;
const maxInMessage = 5;

/** Gathers what is wrong with the features of a request, so that all of it is told at once. */
export class FeatureMistakes {
  readonly listed: FeatureMistake[] = [];
  count = 0;

  add(mistake: FeatureMistake): void {
    this.count++;
    if (this.listed.length < maxListed) this.listed.push(mistake);
  }

  /** What was gathered elsewhere, as it is thrown. */
  static error(listed: readonly FeatureMistake[], count: number): ServingError {
    return new InvalidFeatures(listed, count);
  }

  /** @throws InvalidFeatures when there are any. */
  throwAny(): void {
    if (this.count > 0) throw new InvalidFeatures(this.listed, this.count);
  }
}

/** Features that are wrong, each with its place. */
export class InvalidFeatures extends ServingError {
  readonly mistakes: readonly FeatureMistake[];
  readonly count: number;

  constructor(mistakes: readonly FeatureMistake[], count: number) {
    const shown = mistakes.slice(0, maxInMessage).map(sentence).join('; ');
    const more = count > maxInMessage ? `; and ${count - maxInMessage} more` : '';
    super(
      'invalid_argument',
      `${count === 1 ? 'a feature is' : `${count} features are`} wrong: ${shown}${more}`,
      {
        reason: 'INVALID_FEATURES',
      },
    );
    this.mistakes = mistakes;
    this.count = count;
  }
}

function sentence({ row, feature, index, problem }: FeatureMistake): string {
  const what = feature === undefined ? `feature ${index}` : `'${printable(feature)}'`;
  return `${row === undefined ? '' : `row ${row}: `}${what} ${problem}`;
}

/** `{"error": "...", "reason": "WORD"}`, and for wrong features `details` with an entry for each. */
export function plainErrorReply(thrown: unknown): HttpReply {
  const error = ServingError.from(thrown);
  const { status, headers } = errorReply(error);
  const body: Record<string, unknown> = { error: printable(error.message, 1021) };
  if (error.reason !== undefined) body['reason'] = error.reason;
  if (error instanceof InvalidFeatures) {
    body['details'] = error.mistakes.map(({ feature, problem, ...place }) => ({
      ...place,
      feature: feature === undefined ? undefined : printable(feature, 256),
      problem,
    }));
    if (error.count > error.mistakes.length) body['details_left_out'] = error.count - error.mistakes.length;
  }
  return jsonReply(body, status, headers);
}
