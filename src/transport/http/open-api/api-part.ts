import type { Schema } from './schema.ts';

export type Method = 'get' | 'post' | 'put' | 'delete';

/** What can be done at a path, as OpenAPI says it. */
export type PathItem = Readonly<Partial<Record<Method, Operation>>>;

/** As OpenAPI has it. */
export interface Operation extends Readonly<Record<string, unknown>> {
  readonly operationId: string;
}

/** What one part of the front adds to the description of the whole. */
export interface ApiPart {
  /** By path, with `{model}` and the like for names. Where two parts have the same path, the first one's counts. */
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly schemas: Readonly<Record<string, Schema>>;
}

/** A body that is taken, or a reply, by content type. */
export interface Content {
  readonly description: string;
  readonly content?: Readonly<Record<string, MediaType>>;
}

export interface MediaType {
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

/** What an operation may fail with. */
export type Failing =
  /** A probe. */
  | 'never'
  /** Anything that is answered from what the server knows. */
  | 'reads'
  /** Anything that may reach a model, or change something. */
  | 'runs';

export interface OperationSpec {
  /** Unique in the whole description. */
  readonly id: string;
  /** Under which heading it is shown. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Beside those of the path. */
  readonly parameters?: readonly object[];
  readonly body?: Content & { readonly required: boolean };
  /** By status. */
  readonly replies: Readonly<Record<string, Content>>;
  readonly fails: Failing;
  /** Name of the schema of its errors; `error` by default. */
  readonly errors?: string;
}

const refusalTexts = {
  400: 'The request is wrong',
  401: 'No valid API key',
  403: 'The caller may not do this',
  404: 'There is no such model, version or thing',
  429: 'Too much at a time; Retry-After says when to try again',
  500: 'The model failed',
  501: 'Not with this model, or not with the options of this server',
  503: 'Not now',
  504: 'The deadline passed',
} as const;

type Refusal = keyof typeof refusalTexts;

const refusals: Readonly<Record<Failing, readonly Refusal[]>> = {
  never: [],
  reads: [400, 401, 403, 404, 503, 504],
  runs: [400, 401, 403, 404, 429, 500, 501, 503, 504],
};

export function operation(spec: OperationSpec): Operation {
  const { id, tag, summary, description, parameters, body, replies, fails, errors = 'error' } = spec;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      ...Object.fromEntries(
        refusals[fails].map((status) => [status, { $ref: `#/components/responses/${errors}.${status}` }]),
      ),
      ...replies,
    },
    ...(fails === 'never' ? { security: [] } : {}),
  };
}

/** The replies that operations refer to whose errors are of that schema. */
export function refusalReplies(errors: string, schema: Schema): Readonly<Record<string, Content>> {
  return Object.fromEntries(
    Object.entries(refusalTexts).map(([status, description]) => [
      `${errors}.${status}`,
      { description, content: { 'application/json': { schema } } },
    ]),
  );
}

/** JSON of that schema. */
export function json(
  schema: Schema,
  description: string,
  examples: Pick<MediaType, 'example' | 'examples'> = {},
): Content {
  return { description, content: { 'application/json': { schema, ...examples } } };
}

/** A reply without a body. */
export function empty(description: string): Content {
  return { description };
}
