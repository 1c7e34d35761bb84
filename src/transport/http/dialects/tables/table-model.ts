import type { PlainModel } from '../plain/plain-model.ts';

/** A model that takes rows of a table, and what its columns are to it. */
export interface TableModel {
  readonly model: PlainModel;
  /** Names of the values of a row, where they count; undefined where their order does. */
  readonly columns: readonly string[] | undefined;
}

/**
 * Columns are the model's features where they are listed, by name when any of them has the name of one, else in order. Else
 * they are the values of the model's only input, or the inputs of their names.
 */
export function tableModel(model: PlainModel, columns: readonly string[]): TableModel {
  if (model.features.length > 0) {
    const names = new Set(columns);
    const named = model.features.some(({ name }) => names.has(name));
    return { model, columns: named ? columns : undefined };
  }
  const [only, more] = model.inputs;
  const [first, second] = columns;
  if (only === undefined || more !== undefined) return { model, columns: undefined };
  // The column holds lists, as a column of a data frame may.
  if (first === only.name && second === undefined) return { model, columns: undefined };
  const features = columns.map((name) => ({ ...only.any, name, input: only.name }));
  return { model: { ...model, features }, columns: undefined };
}
