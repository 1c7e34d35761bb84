import { refusalReplies, type ApiPart, type Operation, type PathItem } from './api-part.ts';
import type { DescribedModel } from './described-model.ts';
import { reference, type Schema } from './schema.ts';

export interface DocumentOptions {
  /** Of the server. */
  readonly version: string;
  readonly models: readonly DescribedModel[];
  /** In the order in which they answer. */
  readonly parts: readonly ApiPart[];
}

/** More names are no help in a list to choose from. */
const maxNames = 100;

/** Ways of asking for one answer, which models of several do not give. */
const oneAnswer =
  /\/(?:infer|generate|predict(?:\/batch)?(?:\/async)?)$|:(?:predict|classify|regress)$|^\/predictions\//;

/** The whole front in OpenAPI 3.1. */
export function openApiDocument({ version, models, parts }: DocumentOptions): object {
  const paths: Record<string, PathItem> = {};
  const schemas: Record<string, Schema> = {};
  const names = models.map(({ name }) => name);
  const answering = models.filter(({ decoupled }) => !decoupled).map(({ name }) => name);
  const ids = new Set<string>();
  for (const part of parts) {
    for (const [path, item] of Object.entries(part.paths)) {
      if (!Object.hasOwn(paths, path)) {
        const known = oneAnswer.test(path) ? answering : names;
        paths[path] = withParameters(path, withOwnIds(item, ids), known);
      }
    }
    Object.assign(schemas, part.schemas);
  }
  const errors = Object.keys(schemas).filter((name) => name === 'error' || name.endsWith('.error'));
  return {
    openapi: '3.1.0',
    info: {
      title: 'tensorgate',
      version,
      description:
        'Inference by the Open Inference Protocol, and the forms of other servers that are switched on.',
    },
    paths,
    components: {
      schemas,
      responses: Object.assign({}, ...errors.map((name) => refusalReplies(name, errorSchema(name)))),
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
    // Keys are needed only where the server has a file of them.
    security: [{}, { key: [] }, { bearer: [] }],
  };
}

/** What is refused before a path is known is told in the protocol's form. */
function errorSchema(name: string): Schema {
  return name === 'error' ? reference('error') : { anyOf: [reference(name), reference('error')] };
}

/** Names of models can make an operation of one model and one of all models want the same id. */
function withOwnIds(item: PathItem, ids: Set<string>): PathItem {
  const own: Record<string, Operation> = {};
  for (const [method, described] of Object.entries(item)) {
    let { operationId } = described;
    while (ids.has(operationId)) operationId += '_';
    ids.add(operationId);
    own[method] = { ...described, operationId };
  }
  return own;
}

const forms: Readonly<Record<string, Schema>> = {
  version: { type: 'string', pattern: '^[0-9]{1,18}$' },
  task: { type: 'string', format: 'uuid' },
};

function withParameters(path: string, item: PathItem, names: readonly string[]): PathItem {
  const wanted = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => name);
  if (wanted.length === 0) return item;
  const modelSchema =
    names.length === 0 || names.length > maxNames ? nameSchema : { ...nameSchema, enum: names };
  const parameters = wanted.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: name === 'model' ? modelSchema : (forms[name] ?? nameSchema),
  }));
  return { parameters, ...item } as PathItem;
}

const nameSchema: Schema = { type: 'string', minLength: 1 };
