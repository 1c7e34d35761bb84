import { hash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { ServingError } from '../errors.ts';
import type { Principal, Scope } from '../inference/principal.ts';

/** Shorter keys can be guessed; `openssl rand -hex 32` makes a good one. */
const minKeyLength = 16;

const entry = z
  .strictObject({
    principal: z.string().min(1).max(128),
    key: z.string().min(minKeyLength).max(512).optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
      .optional(),
    scopes: z
      .array(z.enum(['infer', 'admin', 'route']))
      .min(1)
      .default(['infer']),
    weight: z.number().positive().max(1000).default(1),
  })
  .refine(
    ({ key, sha256 }) => (key === undefined) !== (sha256 === undefined),
    'needs exactly one of key and sha256',
  );

const keyFile = z.strictObject({ keys: z.array(entry).max(10_000) });

/** Hex sha256 of a key to whom it belongs. Keys themselves are not kept. */
type KeyTable = ReadonlyMap<string, Principal>;

export interface KeyFileReading {
  readonly table: KeyTable;
  /** Changes whenever the file does, also when a mounted secret is swapped by a link. */
  readonly stamp: string;
  readonly worldReadable: boolean;
}

/** Identity of the file's content without reading it. @throws ServingError failed_precondition */
export function keyFileStamp(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${ino}:${size}:${mtimeMs}`;
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Reads and checks a YAML or JSON file of keys. @throws ServingError failed_precondition that never shows a key. */
export function readKeyFile(path: string): KeyFileReading {
  const stamp = keyFileStamp(path);
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'), { prettyErrors: false });
  } catch (error) {
    throw unreadable(path, error);
  }
  const checked = keyFile.safeParse(content);
  if (!checked.success) {
    const problems = checked.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new ServingError('failed_precondition', `API keys file ${path}: ${problems.join('; ')}`);
  }
  return {
    table: tableOf(path, checked.data.keys),
    stamp,
    worldReadable: (statSync(path).mode & 0o004) !== 0,
  };
}

/** How a key is looked up: by its hash, so that the time of the look-up says nothing about any stored key. */
export function keyDigest(key: string): string {
  return hash('sha256', key, 'hex');
}

function tableOf(path: string, entries: readonly z.output<typeof entry>[]): KeyTable {
  const table = new Map<string, Principal>();
  for (const [index, { principal, key, sha256, scopes, weight }] of entries.entries()) {
    const digest = key === undefined ? (sha256 ?? '').toLowerCase() : keyDigest(key);
    if (table.has(digest)) {
      throw new ServingError(
        'failed_precondition',
        `API keys file ${path}: keys.${index}: the key is there twice`,
      );
    }
    table.set(digest, { name: principal, scopes: new Set<Scope>(scopes), weight });
  }
  return table;
}

function unreadable(path: string, error: unknown): ServingError {
  // YAML's own message may quote a line with a key, so only its position is told.
  const place = error instanceof YAMLParseError ? ' is not valid YAML' : ' cannot be read';
  const code =
    !(error instanceof YAMLParseError) && error instanceof Error && 'code' in error
      ? ` (${String(error.code)})`
      : '';
  return new ServingError('failed_precondition', `API keys file ${path}${place}${code}`, { cause: error });
}
