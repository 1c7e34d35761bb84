import { ServingError } from '../../../../errors.ts';
import type { PathNames } from '../../http-call.ts';
import type { PredictForm } from './read-predict.ts';

/** What a prediction is made of, as any server can make it. */
export interface TaskPayload {
  readonly path: PathNames;
  readonly form: PredictForm;
  readonly body: Buffer;
}

const newline = 10;

/** A line that says what is asked, and the body as it was sent. */
export function encodePayload({ path, form, body }: TaskPayload): Buffer {
  const line = JSON.stringify({ model: path.model, version: path.version, form });
  return Buffer.concat([Buffer.from(`${line}\n`), body]);
}

/** @throws ServingError internal for what another release has written in another form. */
export function decodePayload(payload: Buffer): TaskPayload {
  const end = payload.indexOf(newline);
  const { model, version, form } = fieldsOf(payload.toString('utf8', 0, Math.max(0, end)));
  if (typeof model !== 'string' || typeof version !== 'string' || (form !== 'single' && form !== 'batch')) {
    throw foreign();
  }
  const path = { model, version, repository: '', region: '', label: '' };
  return { path, form, body: payload.subarray(end + 1) };
}

function fieldsOf(line: string): {
  readonly model?: unknown;
  readonly version?: unknown;
  readonly form?: unknown;
} {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : {};
  } catch (cause) {
    throw foreign(cause);
  }
}

function foreign(cause?: unknown): ServingError {
  return new ServingError('internal', 'the task was written by another release of the server', { cause });
}
