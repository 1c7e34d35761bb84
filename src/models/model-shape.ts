import type { SessionMetadata, SessionTensor } from '../inference/executor.ts';
import type { Datatype } from '../inference/datatype.ts';
import { isDatatype } from '../inference/datatype.ts';

/** The model's own dims as numbers, -1 for symbolic ones. */
export function shapeOf({ shape }: SessionTensor): readonly number[] {
  return shape.map((dim) => (typeof dim === 'number' && dim >= 0 ? dim : -1));
}

/** Every input and output has a first dimension of any size: rows can be put together along it. */
export function couldBatch({ inputs, outputs }: SessionMetadata): boolean {
  const tensors = [...inputs, ...outputs].filter(({ datatype }) => datatype !== undefined);
  return tensors.length > 0 && tensors.every((tensor) => shapeOf(tensor)[0] === -1);
}

export function configDatatype(datatype: Datatype): string {
  return datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`;
}

/** undefined for TYPE_INVALID. */
export function datatypeOf(configType: string): Datatype | undefined {
  if (configType === 'TYPE_STRING') return 'BYTES';
  const name = configType.replace(/^TYPE_/, '');
  return isDatatype(name) ? name : undefined;
}

export function shownShape(shape: readonly number[]): string {
  return `[${shape.join(',')}]`;
}
