import type { MessagePort } from 'node:worker_threads';
import type { ErrorCode } from '../../../errors.ts';
import type { ModelCatalog } from '../../../inference/catalog.ts';
import type { FeatureMistake } from '../dialects/plain/invalid-features.ts';
import type { DecoderName } from './decoders.ts';

/** What decoders ask about models. */
export const catalogQuestions = [
  'ready',
  'modelReady',
  'metadata',
  'config',
  'labels',
  'features',
  'index',
] as const;

export type CatalogQuestion = (typeof catalogQuestions)[number];

export interface ThreadSetup {
  /** Where answers about models come from. */
  readonly answers: MessagePort;
  /** One number that becomes 1 once an answer is there. */
  readonly signal: SharedArrayBuffer;
}

/** A body to be read. */
export interface Order {
  readonly name: DecoderName;
  readonly asked: { readonly bytes: Uint8Array };
}

/** A ServingError on its way between threads. */
export interface Refused {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** Of plain predictions with wrong features. */
  readonly mistakes: { readonly listed: readonly FeatureMistake[]; readonly count: number } | undefined;
}

/** What the thread says. */
export type ThreadMessage =
  | { readonly kind: 'question'; readonly about: CatalogQuestion; readonly asked: readonly unknown[] }
  | { readonly kind: 'decoded'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly error: Refused };

/** What is said to a question. */
export type Answer = { readonly value: unknown } | { readonly error: Refused };

/** The catalog's questions as functions of any arguments, which another thread has checked. */
export type AnyCatalog = {
  readonly [Q in CatalogQuestion]: (...asked: never[]) => ReturnType<ModelCatalog[Q]>;
};
