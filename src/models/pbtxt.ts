import { ServingError } from '../errors.ts';
import { PbtxtTokens } from './pbtxt-tokens.ts';

/** A scalar as it was written. `word` covers enum names, true, false, inf and nan. */
export type PbtxtScalar =
  | { readonly kind: 'string'; readonly bytes: Buffer }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string };

export type PbtxtValue = PbtxtScalar | { readonly kind: 'message'; readonly message: PbtxtMessage };

export interface PbtxtEntry {
  readonly name: string;
  readonly value: PbtxtValue;
  /** `line:column` of the name. */
  readonly at: string;
}

/** Fields in the order written; a repeated field has an entry for each of its values. */
export type PbtxtMessage = readonly PbtxtEntry[];

/** A configuration is a page or two. */
const maxTextLength = 1 << 20;
/** inference.ModelConfig nests six deep. */
const maxDepth = 32;

/**
 * Parses protobuf's text format, without a schema.
 *
 * @throws ServingError invalid_argument with the line and column and what was expected there.
 */
export function parsePbtxt(text: string): PbtxtMessage {
  if (text.length > maxTextLength) {
    throw new ServingError(
      'invalid_argument',
      `a configuration may have ${maxTextLength} characters, this has ${text.length}`,
      {
        reason: 'MODEL_CONFIG',
      },
    );
  }
  return parseFields(new PbtxtTokens(text), '', 0);
}

function parseFields(tokens: PbtxtTokens, closing: string, depth: number): PbtxtMessage {
  if (depth > maxDepth) throw tokens.error(`at most ${maxDepth} nested messages`);
  const entries: PbtxtEntry[] = [];
  for (;;) {
    const token = tokens.next();
    if (token.kind === 'end') {
      if (closing === '') return entries;
      throw tokens.error(`"${closing}"`);
    }
    if (token.kind === 'mark' && token.text === closing && closing !== '') return entries;
    if (token.kind !== 'word') throw tokens.error('a field name');
    parseField(tokens, { name: token.text, at: tokens.position(), depth }, entries);
    if (!tokens.take(',')) tokens.take(';');
  }
}

interface FieldStart {
  readonly name: string;
  readonly at: string;
  readonly depth: number;
}

function parseField(tokens: PbtxtTokens, { name, at, depth }: FieldStart, into: PbtxtEntry[]): void {
  const wanted = tokens.take(':') ? 'value' : 'message';
  if (tokens.take('[')) {
    if (tokens.take(']')) return;
    do {
      into.push({ name, at, value: parseValue(tokens, depth, wanted) });
    } while (tokens.take(','));
    if (!tokens.take(']')) throw tokens.expected('"," or "]"');
    return;
  }
  into.push({ name, at, value: parseValue(tokens, depth, wanted) });
}

function parseValue(tokens: PbtxtTokens, depth: number, wanted: 'value' | 'message'): PbtxtValue {
  if (tokens.take('{')) return { kind: 'message', message: parseFields(tokens, '}', depth + 1) };
  if (tokens.take('<')) return { kind: 'message', message: parseFields(tokens, '>', depth + 1) };
  if (wanted === 'message') throw tokens.expected('":" and a value, or "{"');
  const token = tokens.next();
  if (token.kind === 'string') {
    const parts = [token.bytes];
    for (let more = tokens.takeString(); more !== undefined; more = tokens.takeString()) parts.push(more);
    return { kind: 'string', bytes: Buffer.concat(parts) };
  }
  if (token.kind === 'number' || token.kind === 'word') return token;
  throw tokens.error('a value');
}
