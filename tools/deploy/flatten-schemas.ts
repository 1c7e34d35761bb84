/** JSON schemas without references, as kubeconform -strict wants them: a field that is not listed is an error. */

type Schema = { readonly [key: string]: unknown };

/** A schema and the name under which kubeconform looks for it: `deployment-apps-v1`. */
export interface NamedSchema {
  readonly name: string;
  readonly schema: Schema;
}

/** kubeconform's names leave out what follows the first dot of a group. */
function schemaName(group: string, version: string, kind: string): string {
  const [first = ''] = group.split('.');
  return [kind, ...(first === '' ? [] : [first]), version].join('-').toLowerCase();
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function strict(schema: Schema): Schema {
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in schema;
  return isSchema(schema['properties']) && !open ? { ...schema, additionalProperties: false } : schema;
}

/** Follows references, closes objects, and lets an int-or-string be either. Recursive definitions end as "anything". */
function flatten(value: unknown, definitions: Schema, within: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((entry) => flatten(entry, definitions, within));
  if (!isSchema(value)) return value;
  const reference = value['$ref'];
  if (typeof reference === 'string') {
    const name = reference.slice(reference.lastIndexOf('/') + 1);
    if (within.includes(name)) return {};
    if (name.endsWith('.Quantity') || name.endsWith('.IntOrString')) return { type: ['string', 'number'] };
    return flatten(definitions[name], definitions, [...within, name]);
  }
  if (value['x-kubernetes-int-or-string'] === true) return { type: ['string', 'integer'] };
  const entries = Object.entries(value).map(([key, entry]) => [
    key,
    key === 'enum' || key === 'default' ? entry : flatten(entry, definitions, within),
  ]);
  return strict(Object.fromEntries(entries) as Schema);
}

/** The kinds of Kubernetes' own `swagger.json`. */
export function flattenSwagger(swagger: unknown): readonly NamedSchema[] {
  if (!isSchema(swagger) || !isSchema(swagger['definitions']))
    throw new Error('no definitions in swagger.json');
  const { definitions } = swagger;
  return Object.entries(definitions).flatMap(([name, definition]) => {
    if (!isSchema(definition)) return [];
    const kinds = definition['x-kubernetes-group-version-kind'];
    if (!Array.isArray(kinds) || kinds.length !== 1) return [];
    const { group, version, kind } = kinds[0] as Readonly<Record<'group' | 'version' | 'kind', string>>;
    const schema = flatten(definition, definitions, [name]) as Schema;
    return [{ name: schemaName(group, version, kind), schema }];
  });
}

interface ResourceDefinition {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** The versions of one CustomResourceDefinition; none for any other document. */
export function flattenCustomResource(document: unknown): readonly NamedSchema[] {
  if (!isSchema(document) || document['kind'] !== 'CustomResourceDefinition') return [];
  const { spec } = document as unknown as ResourceDefinition;
  return spec.versions.map(({ name, schema: { openAPIV3Schema } }) => {
    const flat = flatten(openAPIV3Schema, {}, []) as Schema & { readonly properties?: Schema };
    const text = { type: 'string' };
    const properties = { ...flat.properties, apiVersion: text, kind: text, metadata: { type: 'object' } };
    return { name: schemaName(spec.group, name, spec.names.kind), schema: { ...flat, properties } };
  });
}
