import type { Datatype } from '../inference/datatype.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { Parameters, RequestedOutput } from '../inference/request.ts';
import { checkCount } from './check-parameters.ts';
import { refuse } from './refuse.ts';
import { maxTensors, repeatedName } from './repeated-name.ts';

/** What has an order that Triton's classification knows. */
const classifiable: ReadonlySet<Datatype> = new Set([
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'FP32',
  'FP64',
]);

/** @throws invalid_argument when an output is unknown, there twice, or cannot be given as asked. */
export function checkOutputs(spec: ModelSpec, outputs: readonly RequestedOutput[]): void {
  if (outputs.length > maxTensors) throw refuse.tooMany('outputs', maxTensors);
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i];
    if (output === undefined) continue;
    const known = spec.outputsByName.get(output.name);
    if (known === undefined) throw refuse.unexpectedOutput(spec, output.name);
    if (output.parameters.size > 0) checkOutputParameters(output.name, known.datatype, output.parameters);
  }
  const repeated = outputs.length > 1 ? repeatedName(outputs) : undefined;
  if (repeated !== undefined) throw refuse.duplicate('output', repeated);
}

function checkOutputParameters(name: string, datatype: Datatype, parameters: Parameters): void {
  checkCount(parameters);
  const classes = parameters.get('classification');
  if (classes === undefined) return;
  if (typeof classes !== 'number' || !Number.isSafeInteger(classes) || classes < 1) {
    throw refuse.classification(name);
  }
  if (!classifiable.has(datatype)) throw refuse.unclassifiable(name, datatype);
}
