/** A schema of JSON Schema 2020-12, which OpenAPI 3.1 uses. */
export type Schema = Readonly<Record<string, unknown>>;

export function reference(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** An object of which these fields are known; others are passed over. */
export function objectOf(properties: Readonly<Record<string, Schema>>, required: readonly string[]): Schema {
  return { type: 'object', properties, required };
}

export function listOf(items: Schema): Schema {
  return { type: 'array', items };
}

export const text: Schema = { type: 'string' };
export const count: Schema = { type: 'integer', minimum: 0 };
export const flag: Schema = { type: 'boolean' };

/** A number that JSON.stringify writes with all its digits. */
export function exact(value: number | bigint): unknown {
  if (typeof value === 'number') return value;
  const rawJson: unknown = Reflect.get(JSON, 'rawJSON');
  return typeof rawJson === 'function' ? Reflect.apply(rawJson, JSON, [String(value)]) : Number(value);
}
