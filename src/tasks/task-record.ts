import { ServingError, type ErrorCode } from '../errors.ts';
import type { Task, TaskOutcome } from '../inference/task.ts';

const codes: ReadonlySet<string> = new Set<ErrorCode>([
  'invalid_argument',
  'not_found',
  'already_exists',
  'unauthenticated',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'cancelled',
  'deadline_exceeded',
  'unimplemented',
  'unavailable',
  'internal',
]);

/** A task from the fields that Redis keeps of it; undefined for what is none. */
export function taskOf(id: string, fields: ReadonlyMap<string, string>): Task | undefined {
  const outcome = outcomeOf(fields);
  const createdAt = Number(fields.get('created'));
  if (outcome === undefined || !Number.isSafeInteger(createdAt)) return undefined;
  return {
    id,
    createdAt,
    finishedAt: timeOf(fields.get('finished')),
    expiresAt: timeOf(fields.get('expires')),
    outcome,
  };
}

function timeOf(text: string | undefined): number | undefined {
  const time = Number(text);
  return text !== undefined && Number.isSafeInteger(time) ? time : undefined;
}

function outcomeOf(fields: ReadonlyMap<string, string>): TaskOutcome | undefined {
  const state = fields.get('state');
  if (state === 'pending' || state === 'cancelled') return { state };
  if (state === 'succeeded') return { state, text: fields.get('result') ?? 'null' };
  if (state !== 'failed') return undefined;
  const code = fields.get('code') ?? '';
  const reason = fields.get('reason') ?? '';
  const message = fields.get('message') ?? '';
  const options = reason === '' ? {} : { reason };
  return { state, error: new ServingError(isCode(code) ? code : 'internal', message, options) };
}

function isCode(text: string): text is ErrorCode {
  return codes.has(text);
}

/** What Redis keeps of how a task ended: its state, how many bytes that takes, and fields and values in turn. */
export function recordOf(
  outcome: TaskOutcome,
): readonly [state: string, sizeBytes: number, ...fields: string[]] {
  if (outcome.state === 'succeeded') {
    return [outcome.state, Buffer.byteLength(outcome.text), 'result', outcome.text];
  }
  if (outcome.state !== 'failed') return [outcome.state, 0];
  const { code, reason = '', message } = outcome.error;
  return ['failed', Buffer.byteLength(message), 'code', code, 'reason', reason, 'message', message];
}
