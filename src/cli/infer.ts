import type { Client } from '../client/client.ts';
import { items, part, text } from '../client/fields.ts';
import type { CallOptions, ClientParameter, InferAnswer, InferCall } from '../client/types.ts';
import { ServingError } from '../errors.ts';
import {
  exitCodes,
  flagInteger,
  flagText,
  flagTexts,
  parseCommand,
  usageError,
  type Command,
  type FlagValues,
  type Terminal,
} from './command.ts';
import { withClient } from './connect.ts';
import { inferOnStream } from './infer-stream.ts';
import { buildInputs } from './infer-inputs.ts';
import type { PixelRule } from './picture-tensor.ts';
import { inferencePlace, serverFlags, serverFlagsHelp } from './server-flags.ts';
import { answerJson, renderAnswer } from './show-answer.ts';
import { timingLine } from './timing.ts';

const help = `Usage: tensorgate infer <model> --input [name=]<json | @file> ... [flags]

Sends one inference and shows the answer. The name may be left out when the model has one input.

  -i, --input <[name=]value>  JSON ([5.1, 3.5, 1.4, 0.2], nested or flat), or @file with JSON, NPY, PNG, PGM or PPM;
                              @file with {"inputs": [...]} gives all inputs. May be repeated.
  -o, --output <name>         only this output. May be repeated.
      --version <n>           of the model; default the newest
      --classes <n>           the n best classes of each output instead of its numbers; default 3 for outputs with labels
      --no-classes            numbers also for outputs with labels
      --parameter <name=value>  request parameter; JSON, else text. May be repeated.
      --id <text>             request id
      --repeat <n>            send it n times, one after the other, and print how long they took
      --stream                on a stream, showing every answer: for models that answer several times
      --json                  print the answer as JSON
Images:
      --image-scale <x>       white becomes x; default: samples as they stand in the file
      --image-mean <x,...>    subtracted, per channel; --image-deviation <x,...> divides
${serverFlagsHelp(inferencePlace)}`;

const flags = {
  ...serverFlags,
  input: { type: 'string', short: 'i', multiple: true },
  output: { type: 'string', short: 'o', multiple: true },
  version: { type: 'string' },
  classes: { type: 'string' },
  'no-classes': { type: 'boolean' },
  parameter: { type: 'string', multiple: true },
  id: { type: 'string' },
  repeat: { type: 'string' },
  stream: { type: 'boolean' },
  json: { type: 'boolean' },
  'image-scale': { type: 'string' },
  'image-mean': { type: 'string' },
  'image-deviation': { type: 'string' },
} as const;

export const inferCommand: Command = {
  help: () => help,
  async run(args, terminal) {
    const { values, positionals } = parseCommand(args, flags, 1);
    const [model] = positionals;
    if (model === undefined) throw usageError('which model? tensorgate infer <model> --input ...');
    const words = flagTexts(values, 'input');
    if (words.length === 0) throw usageError('--input is missing');
    const rule = pixelRule(values);
    const repeat = flagInteger(values, 'repeat', { min: 1, max: 1_000_000, initial: 1 });
    if (repeat > 1 && values['stream'] === true) throw usageError('--repeat cannot stand beside --stream');
    await withClient(values, terminal, async (client, { call }) => {
      const version = flagText(values, 'version') ?? '';
      const metadata = await client.metadata(model, version, call);
      const classes = await classification(client, { model, version, values, call });
      const request: InferCall = {
        model,
        version,
        id: flagText(values, 'id') ?? '',
        inputs: buildInputs(words, metadata, rule),
        parameters: parameters(flagTexts(values, 'parameter')),
        outputs: wantedOutputs(
          flagTexts(values, 'output'),
          metadata.outputs.map(({ name }) => name),
          classes,
        ),
      };
      if (values['stream'] === true) {
        const json = values['json'] === true;
        await inferOnStream(client, request, call, { json, classified: new Set(classes.keys()), terminal });
        return;
      }
      const { answer, timesMs } = await sendRepeatedly(client, request, repeat, call);
      show(answer, new Set(classes.keys()), timesMs, { values, terminal });
    });
    return exitCodes.ok;
  },
};

function show(
  answer: InferAnswer,
  classified: ReadonlySet<string>,
  timesMs: readonly number[],
  { values, terminal }: { readonly values: FlagValues; readonly terminal: Terminal },
): void {
  if (values['json'] === true) {
    terminal.stdout.write(`${answerJson(answer)}\n`);
    if (timesMs.length > 1) terminal.stderr.write(timingLine(timesMs));
    return;
  }
  terminal.stdout.write(
    `${answer.model}, version ${answer.version}\n\n${renderAnswer(answer, classified)}\n`,
  );
  terminal.stdout.write(timingLine(timesMs));
}

async function sendRepeatedly(
  client: Client,
  request: InferCall,
  repeat: number,
  call: CallOptions,
): Promise<{ answer: InferAnswer; timesMs: number[] }> {
  const timesMs: number[] = [];
  let answer: InferAnswer | undefined;
  for (let index = 0; index < repeat; index++) {
    const start = performance.now();
    answer = await client.infer(request, call);
    timesMs.push(performance.now() - start);
  }
  if (answer === undefined) throw new Error('bug: nothing was sent');
  return { answer, timesMs };
}

interface ClassQuestion {
  readonly model: string;
  readonly version: string;
  readonly values: FlagValues;
  readonly call: CallOptions;
}

/** Outputs to be shown as classes, and how many. Without --classes: those for which the model has labels. */
async function classification(
  client: Client,
  { model, version, values, call }: ClassQuestion,
): Promise<Map<string, number>> {
  const asked = flagText(values, 'classes');
  const count = flagInteger(values, 'classes', { min: 1, max: 100_000, initial: 3 });
  if (values['no-classes'] === true || (asked === undefined && values['json'] === true)) return new Map();
  let outputs: readonly unknown[];
  try {
    outputs = items(await client.config(model, version, call), 'output');
  } catch (error) {
    // Servers without Triton's ModelConfig can still infer.
    if (error instanceof ServingError && error.code === 'unimplemented') return new Map();
    throw error;
  }
  const chosen = new Set(flagTexts(values, 'output'));
  const classes = new Map<string, number>();
  for (const output of outputs.map(part)) {
    const name = text(output, 'name');
    const numeric = text(output, 'data_type') !== 'TYPE_STRING';
    const wanted = chosen.size === 0 || chosen.has(name);
    const labelled = text(output, 'label_filename') !== '';
    if (wanted && numeric && (asked !== undefined || labelled)) classes.set(name, count);
  }
  return classes;
}

function wantedOutputs(
  asked: readonly string[],
  all: readonly string[],
  classes: ReadonlyMap<string, number>,
): NonNullable<InferCall['outputs']> {
  if (asked.length === 0 && classes.size === 0) return [];
  return (asked.length === 0 ? all : asked).map((name) => {
    const count = classes.get(name);
    return count === undefined ? name : { name, classification: count };
  });
}

function parameters(words: readonly string[]): Record<string, ClientParameter> {
  const entries = words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 1) throw usageError(`--parameter needs name=value, got ${word}`);
    return [word.slice(0, equals), parameterValue(word.slice(equals + 1))] as const;
  });
  return Object.fromEntries(entries);
}

function parameterValue(word: string): ClientParameter {
  if (word === 'true' || word === 'false') return word === 'true';
  return /^-?\d+(\.\d+)?$/.test(word) ? Number(word) : word;
}

function pixelRule(values: FlagValues): PixelRule {
  return {
    scale: numbers(values, 'image-scale')[0],
    mean: numbers(values, 'image-mean'),
    deviation: numbers(values, 'image-deviation'),
  };
}

function numbers(values: FlagValues, name: string): number[] {
  const words = flagText(values, name)?.split(',') ?? [];
  const parsed = words.map((word) => (word.trim() === '' ? Number.NaN : Number(word)));
  if (parsed.some(Number.isNaN)) throw usageError(`--${name} must be numbers, got ${words.join(',')}`);
  return parsed;
}
