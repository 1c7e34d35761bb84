import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

/** Our own proto/model_config.proto: the one place that knows the configuration's fields, types and oneofs. */
const protoFile = fileURLToPath(new URL('../../proto/model_config.proto', import.meta.url));

let modelConfig: protobuf.Type | undefined;

/** The schema of inference.ModelConfig; parsed once per process. */
export function modelConfigType(): protobuf.Type {
  if (modelConfig === undefined) {
    const root = new protobuf.Root();
    root.loadSync(protoFile, { keepCase: true });
    root.resolveAll();
    modelConfig = root.lookupType('inference.ModelConfig');
  }
  return modelConfig;
}

/** What one field of a message takes. */
export type FieldKind =
  | { readonly kind: 'text' | 'bool' | 'integer' | 'float' | 'bytes' }
  | { readonly kind: 'enum'; readonly values: Readonly<Record<string, number>> }
  | { readonly kind: 'message'; readonly type: protobuf.Type };

const integerTypes: ReadonlySet<string> = new Set(['int32', 'int64', 'uint32', 'uint64', 'sint32', 'sint64']);

/** The kind of a field's value; of a map's value for maps. */
export function fieldKind(field: protobuf.FieldBase): FieldKind {
  const resolved = field.resolvedType;
  if (resolved instanceof protobuf.Type) return { kind: 'message', type: resolved };
  if (resolved instanceof protobuf.Enum) return { kind: 'enum', values: resolved.values };
  if (field.type === 'string') return { kind: 'text' };
  if (field.type === 'bool') return { kind: 'bool' };
  if (field.type === 'bytes') return { kind: 'bytes' };
  if (field.type === 'float' || field.type === 'double') return { kind: 'float' };
  if (integerTypes.has(field.type)) return { kind: 'integer' };
  throw new Error(`bug: a configuration field of type ${field.type}`);
}

/** Smallest and largest value of an integer type; 64-bit types end where numbers stop being exact. */
export function integerBounds(type: string): readonly [number, number] {
  if (type === 'int32' || type === 'sint32') return [-(2 ** 31), 2 ** 31 - 1];
  if (type === 'uint32') return [0, 2 ** 32 - 1];
  return type === 'uint64'
    ? [0, Number.MAX_SAFE_INTEGER]
    : [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
}
