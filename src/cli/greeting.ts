import { ServingError } from '../errors.ts';
import { contentsFields } from '../inference/datatype.ts';
import type {
  ModelCatalog,
  ModelConfigMessage,
  ModelMetadata,
  TensorMetadata,
} from '../inference/catalog.ts';
import { printable, renderTable } from './table.ts';

/** What is shown once the server is up. */
export interface Greeting {
  readonly models: readonly { readonly name: string; readonly version: string; readonly state: string }[];
  /** Command lines that can be pasted and work; empty when no model is ready. */
  readonly examples: readonly string[];
}

export interface GreetingOptions {
  /** `host:port` of the gRPC listener, as clients on this machine reach it. */
  readonly address: string;
  readonly secure: boolean;
  /** How the command line is called: `npm run tensorgate --` in a clone. */
  readonly command: string;
}

/** Longer examples are no help on a terminal. */
const maxExampleElements = 200;

export function createGreeting(catalog: ModelCatalog, options: GreetingOptions): Greeting {
  const models = catalog.index(false).map(({ name, version, state }) => ({
    name,
    version,
    state: state === '' ? 'not loaded' : state,
  }));
  const candidates = models
    .filter(({ state }) => state === 'READY')
    .map(({ name }) => describe(catalog, name));
  const [smallest] = candidates
    .filter((metadata) => metadata !== undefined)
    .filter((metadata) => size(metadata) <= maxExampleElements)
    .toSorted((left, right) => size(left) - size(right));
  return {
    models,
    examples: smallest === undefined ? [] : [inferLine(smallest, options), grpcurlLine(smallest, options)],
  };
}

/** For a terminal. */
export function renderGreeting({ models, examples }: Greeting): string {
  const rows = models.map(({ name, version, state }) => [
    printable(name),
    version === '' ? '-' : version,
    state,
  ]);
  const table = rows.length === 0 ? 'no models\n' : renderTable(['model', 'version', 'state'], rows);
  return `\n${table}${examples.length === 0 ? '' : `\nTry:\n${examples.map((line) => `  ${line}\n`).join('')}`}\n`;
}

/** undefined when the model went away in between, or does not answer a request that stands alone. */
function describe(catalog: ModelCatalog, name: string): ModelMetadata | undefined {
  try {
    return answersAlone(catalog.config(name, '')) ? catalog.metadata(name, '') : undefined;
  } catch (error) {
    if (error instanceof ServingError) return undefined;
    throw error;
  }
}

function answersAlone({
  model_transaction_policy: policy,
  sequence_batching: sequences,
}: ModelConfigMessage): boolean {
  return !isOn(policy, 'decoupled') && (sequences === undefined || isOn(sequences, 'iterative_sequence'));
}

function isOn(message: unknown, field: string): boolean {
  return new Map(Object.entries(message ?? {})).get(field) === true;
}

function size({ inputs }: ModelMetadata): number {
  return inputs.reduce(
    (sum, input) => sum + exampleShape(input).reduce((product, dim) => product * dim, 1),
    0,
  );
}

function exampleShape({ shape }: TensorMetadata): number[] {
  return shape.map((dim) => (dim < 0 ? 1 : dim));
}

function exampleElements(input: TensorMetadata): unknown[] {
  const count = exampleShape(input).reduce((product, dim) => product * dim, 1);
  return Array.from({ length: count }, () => exampleElement(input.datatype));
}

function exampleElement(datatype: string): unknown {
  if (datatype === 'BYTES') return 'text';
  return datatype === 'BOOL' ? false : 1;
}

function inferLine({ name, inputs }: ModelMetadata, { command, address, secure }: GreetingOptions): string {
  const words = inputs.map((input) => `--input ${quoted(`${input.name}=${JSON.stringify(nested(input))}`)}`);
  const place = address === '127.0.0.1:8001' ? '' : ` --address ${address}`;
  return `${command} infer ${quoted(name)} ${words.join(' ')}${place}${secure ? ' --tls' : ''}`;
}

function nested(input: TensorMetadata): unknown {
  let level = exampleElements(input);
  for (const dim of exampleShape(input).slice(1).toReversed()) {
    level = Array.from({ length: level.length / dim }, (_, index) =>
      level.slice(index * dim, (index + 1) * dim),
    );
  }
  return input.shape.length === 0 ? level[0] : level;
}

function grpcurlLine({ name, inputs }: ModelMetadata, { address, secure }: GreetingOptions): string {
  const request = {
    model_name: name,
    inputs: inputs.map((input) => {
      const field = contentsFields.get(input.datatype);
      const elements = exampleElements(input).map((element) =>
        typeof element === 'string' ? Buffer.from(element).toString('base64') : element,
      );
      const contents = field === undefined ? {} : { contents: { [field]: elements } };
      return { name: input.name, datatype: input.datatype, shape: exampleShape(input), ...contents };
    }),
  };
  const plain = secure ? '' : '-plaintext ';
  return `grpcurl ${plain}-d ${quoted(JSON.stringify(request))} ${address} inference.GRPCInferenceService/ModelInfer`;
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
