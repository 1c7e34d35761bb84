import { writeFileSync } from 'node:fs';
import { createQualityClient, type QualityClient } from '../client/quality-client.ts';
import type { CallOptions } from '../client/types.ts';
import { hint } from '../config/suggest.ts';
import { ServingError } from '../errors.ts';
import type { Label, LabelledRequest } from '../inference/monitoring.ts';
import { ColumnSample } from '../quality/column-sample.ts';
import { profileFormat } from '../quality/profile-format.ts';
import {
  chooseAction,
  exitCodes,
  flagInteger,
  flagText,
  flagTexts,
  parseCommand,
  usageError,
  type Command,
  type ExitCode,
  type FlagValues,
  type Terminal,
} from './command.ts';
import { withConnection } from './connect.ts';
import { sampleArray, sampleTable, withVectors, type VectorSource } from './profile-vectors.ts';
import { readCsv } from './read-csv.ts';
import { readParquet } from './read-parquet.ts';
import { errorCode, inferencePlace, serverFlags, serverFlagsHelp } from './server-flags.ts';
import { summarize } from './show-quality.ts';

const help = `Usage: tensorgate quality profile <data.csv|data.parquet> --output <profile.json> [--columns <a,b,...>] [--rows <n>]
       tensorgate quality profile <vectors.npy|.parquet|.csv> --embedding <tensor> --output <profile.json> [--columns <a,b,...>] [--rows <n>]
       tensorgate quality feedback <model> --id <id> --label <label>... [--principal <name>]
       tensorgate quality feedback <model> --file <labels.csv> [--principal <name>]
       tensorgate quality report <model> [--version <n>] [--json]

profile   makes the reference that a model's traffic is compared with from its training data
feedback  tells a server what its answers should have been, by the ids of the requests
report    metrics of labels, and drift, as known now; /v2/models/<model>/quality.html shows it as a page

Flags:
  --output <file>     where the profile is written; beside model.yaml, which names it
  --columns <a,b>     columns that are features of the model; all by default
  --embedding <name>  the file's rows are vectors of this input or output, compared as wholes: added to a profile that is there
  --rows <n>          rows that are read at most, from the start; 1000000 by default
  --id <id>           of the request
  --label <label>     its true value, one for each row; a class by name or index, or a number. May be repeated
  --file <file>       CSV with the columns id and label; several rows of one request follow each other
  --principal <name>  whose requests they were, where they were not yours; needs the scope admin

${serverFlagsHelp(inferencePlace)}`;

const flags = {
  ...serverFlags,
  output: { type: 'string' },
  columns: { type: 'string' },
  embedding: { type: 'string' },
  rows: { type: 'string' },
  id: { type: 'string' },
  label: { type: 'string', multiple: true },
  file: { type: 'string' },
  principal: { type: 'string' },
  version: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** Labels that go in one message. */
const labelsAtOnce = 5000;

interface Task {
  readonly argument: string;
  readonly values: FlagValues;
  readonly terminal: Terminal;
}

const actions: Readonly<Record<string, (task: Task) => Promise<void>>> = { profile, feedback, report };

export const qualityCommand: Command = {
  help: () => help,
  async run(args, terminal): Promise<ExitCode> {
    const { values, positionals } = parseCommand(args, flags, 2);
    const [name = '', argument = ''] = positionals;
    const action = chooseAction('quality', name, actions);
    if (argument === '') {
      const missing =
        name === 'profile'
          ? 'file? tensorgate quality profile <data>'
          : `model? tensorgate quality ${name} <model>`;
      throw usageError(`which ${missing}`);
    }
    await action({ argument, values, terminal });
    return exitCodes.ok;
  },
};

async function profile({ argument: path, values, terminal }: Task): Promise<void> {
  const output = flagText(values, 'output');
  if (output === undefined) throw usageError('quality profile needs --output <profile.json>');
  const most = flagInteger(values, 'rows', { min: 1, max: 100_000_000, initial: 1_000_000 });
  const wanted = flagText(values, 'columns')
    ?.split(',')
    .map((column) => column.trim());
  const embedding = flagText(values, 'embedding');
  if (embedding !== undefined) {
    const made = await profileVectors(embedding, output, { path, most, columns: wanted });
    terminal.stdout.write(made);
    return;
  }
  if (path.endsWith('.npy')) {
    throw usageError(
      `${path}: an array has no columns of features; --embedding <tensor> takes its rows as vectors`,
    );
  }
  let columns: readonly { readonly name: string; readonly at: number; readonly sample: ColumnSample }[] = [];
  let rows = -1;
  for await (const row of table(path)) {
    if (rows === -1) columns = chooseColumns(row, wanted);
    else for (const { at, sample } of columns) sample.add(row[at]);
    if (++rows === most) break;
  }
  if (rows < 1) throw usageError(`${path} has no rows`);
  const features = columns.map(({ name, sample }) => sample.profile(name));
  writeFileSync(output, `${JSON.stringify({ format: profileFormat, features })}\n`);
  const kinds = features.map(({ name, kind }) => `${name} (${kind})`);
  terminal.stdout.write(`${output}: ${rows} rows, ${features.length} features: ${kinds.join(', ')}\n`);
}

async function profileVectors(tensor: string, output: string, source: VectorSource): Promise<string> {
  const { path } = source;
  const sample = path.endsWith('.npy')
    ? sampleArray(source)
    : await sampleTable(table(path, 'lists'), source);
  const made = withVectors(output, tensor, sample);
  writeFileSync(output, `${JSON.stringify(made)}\n`);
  const left =
    sample.unfitting === 0 ? '' : `, ${sample.unfitting} left out that hold what is no finite number`;
  const rows = made.embeddings?.find(({ name }) => name === tensor)?.rows ?? 0;
  return `${output}: ${tensor} as vectors of ${sample.width} numbers, ${rows} of ${sample.rows} rows taken by chance${left}\n`;
}

/** The first row names the columns. @throws ServingError with reason USAGE for what cannot be read. */
async function* table(
  path: string,
  kinds: 'values' | 'lists' = 'values',
): AsyncGenerator<readonly unknown[], void, void> {
  try {
    yield* path.endsWith('.parquet') ? readParquet(path, kinds) : readCsv(path);
  } catch (error) {
    if (error instanceof ServingError) throw error;
    const problem = errorCode(error) || ` (${error instanceof Error ? error.message : String(error)})`;
    throw usageError(`cannot read ${path}${problem}`);
  }
}

function chooseColumns(header: readonly unknown[], wanted: readonly string[] | undefined) {
  const names = header.map(String);
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw usageError(`--columns: there is no column '${unknown}'${hint(unknown, names)}`);
  return (wanted ?? names).map((name) => ({ name, at: names.indexOf(name), sample: new ColumnSample() }));
}

async function feedback({ argument: model, values, terminal }: Task): Promise<void> {
  const labels = await labelsFrom(values);
  const sum = { accepted: 0, unknown: 0, repeated: 0, unfitting: 0 };
  const version = flagText(values, 'version') ?? '';
  const principal = flagText(values, 'principal') ?? '';
  await connected({ argument: model, values, terminal }, async (client, call) => {
    for (let at = 0; at < labels.length; at += labelsAtOnce) {
      const part = labels.slice(at, at + labelsAtOnce);
      const counts = await client.feedback(model, part, { version, principal }, call);
      sum.accepted += counts.accepted;
      sum.unknown += counts.unknown;
      sum.repeated += counts.repeated;
      sum.unfitting += counts.unfitting;
    }
  });
  const { accepted, unknown, repeated, unfitting } = sum;
  terminal.stdout.write(
    `${accepted} accepted, ${unknown} of unknown requests, ${repeated} repeated, ${unfitting} that do not fit\n`,
  );
}

async function labelsFrom(values: FlagValues): Promise<readonly LabelledRequest[]> {
  const id = flagText(values, 'id');
  const file = flagText(values, 'file');
  const given = flagTexts(values, 'label');
  if (file !== undefined && id === undefined && given.length === 0) return readLabels(file);
  if (file !== undefined || id === undefined || given.length === 0) {
    throw usageError('quality feedback needs either --id and --label, or --file');
  }
  return [{ id, labels: given.map(labelOf) }];
}

async function readLabels(path: string): Promise<readonly LabelledRequest[]> {
  const requests: { id: string; labels: Label[] }[] = [];
  let at: { readonly id: number; readonly label: number } | undefined;
  for await (const row of table(path)) {
    if (at === undefined) {
      at = { id: row.indexOf('id'), label: row.indexOf('label') };
      if (at.id === -1 || at.label === -1) throw usageError(`${path} needs the columns id and label`);
      continue;
    }
    const id = String(row[at.id]);
    const label = labelOf(row[at.label]);
    const last = requests.at(-1);
    if (last?.id === id) last.labels.push(label);
    else requests.push({ id, labels: [label] });
  }
  return requests;
}

/** What reads as a number is one: a value, or the index of a class. */
function labelOf(value: unknown): Label {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  const text = String(value).trim();
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

async function report(task: Task): Promise<void> {
  const version = flagText(task.values, 'version') ?? '';
  const json = await connected(task, (client, call) => client.report(task.argument, version, call));
  task.terminal.stdout.write(task.values['json'] === true ? `${json}\n` : summarize(JSON.parse(json)));
}

function connected<Result>(
  { values, terminal }: Task,
  use: (client: QualityClient, call: CallOptions) => Promise<Result>,
): Promise<Result> {
  const from = { values, terminal, place: inferencePlace, create: createQualityClient };
  return withConnection(from, (client, { call }) => use(client, call));
}
