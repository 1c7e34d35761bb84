import { flagText, usageError, type FlagValues } from './command.ts';
import { readCsv } from './read-csv.ts';
import { errorCode } from './server-flags.ts';

/** A value of a metric, as it is sent. */
export interface SentMetricValue {
  readonly request_id: string;
  readonly user: string;
  readonly principal: string;
  readonly value: number;
}

/** Of one request or user, or of a file of them. @throws ServingError with reason USAGE */
export async function readValues(values: FlagValues): Promise<readonly SentMetricValue[]> {
  const [id, user, value, file] = ['id', 'user', 'value', 'file'].map((name) => flagText(values, name));
  const principal = flagText(values, 'principal') ?? '';
  if (file !== undefined && id === undefined && user === undefined && value === undefined) {
    return readFile(file, principal);
  }
  if (file !== undefined || value === undefined || (id === undefined) === (user === undefined)) {
    throw usageError('rollout report needs either --id or --user, with --value, or --file');
  }
  return [{ request_id: id ?? '', user: user ?? '', principal, value: numberOf(value, '--value') }];
}

async function readFile(path: string, principal: string): Promise<readonly SentMetricValue[]> {
  const read: SentMetricValue[] = [];
  let at: { readonly id: number; readonly user: number; readonly value: number } | undefined;
  try {
    for await (const row of readCsv(path)) {
      if (at === undefined) {
        at = { id: row.indexOf('id'), user: row.indexOf('user'), value: row.indexOf('value') };
        if (at.value === -1 || (at.id === -1) === (at.user === -1)) {
          throw usageError(`${path} needs the columns id or user, and value`);
        }
        continue;
      }
      const value = numberOf(row[at.value] ?? '', `${path}, row ${read.length + 2}: value`);
      read.push({ request_id: row[at.id] ?? '', user: row[at.user] ?? '', principal, value });
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw usageError(`cannot read ${path}${errorCode(error)}`);
    }
    throw error;
  }
  return read;
}

function numberOf(text: string, what: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw usageError(`${what}: '${text}' is no number`);
  return value;
}
