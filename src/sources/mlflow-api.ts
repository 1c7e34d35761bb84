import { z } from 'zod';
import type { Clock } from '../util/clock.ts';
import { printable } from '../util/printable.ts';
import { httpGet, readReply, type HttpReply, type HttpRules } from './http-get.ts';
import { sourceMisconfigured, sourceRefused, sourceUnreachable } from './refusals.ts';

export interface MlflowApiOptions {
  /** Of the tracking server, without a slash at the end. */
  readonly baseUrl: string;
  readonly authorization: string | undefined;
  readonly rules: HttpRules;
  readonly clock: Clock;
}

const mostBytes = 4 * 1024 * 1024;

const modelVersion = z.object({
  version: z.coerce.string().regex(/^[1-9]\d{0,17}$/),
  status: z.string().default('READY'),
});
const oneVersion = z.object({ model_version: modelVersion });
const latestVersions = z.object({ model_versions: z.array(modelVersion).default([]) });
const downloadUri = z.object({ artifact_uri: z.string().max(4096) });
const artifacts = z.object({
  files: z
    .array(
      z.object({
        path: z.string().max(4096),
        is_dir: z.boolean().default(false),
        file_size: z.coerce.number().optional(),
      }),
    )
    .max(10_000)
    .default([]),
});

export interface Artifact {
  /** Below the folder that was listed. */
  readonly path: string;
  readonly isFolder: boolean;
  readonly sizeBytes: number | undefined;
}

/** What is asked of a tracking server of MLflow, over its REST API. */
export class MlflowApi {
  readonly #options: MlflowApiOptions;

  constructor(options: MlflowApiOptions) {
    this.#options = options;
  }

  /** @returns the version that an alias names. @throws ServingError SOURCE_REFUSED when there is no such model or alias. */
  async aliased(name: string, alias: string, signal: AbortSignal): Promise<string> {
    return ready(await this.#get(`registered-models/alias?${queryOf({ name, alias })}`, oneVersion, signal));
  }

  async versioned(name: string, version: string, signal: AbortSignal): Promise<string> {
    return ready(await this.#get(`model-versions/get?${queryOf({ name, version })}`, oneVersion, signal));
  }

  /** @param stage undefined: of any. */
  async latest(name: string, stage: string | undefined, signal: AbortSignal): Promise<string> {
    const stages = stage === undefined ? {} : { stages: [stage] };
    const answer = await this.#ask('registered-models/get-latest-versions', signal, { name, ...stages });
    const { model_versions: versions } = check(latestVersions, answer);
    const [newest] = versions.toSorted((a, b) => Number(b.version) - Number(a.version));
    if (newest === undefined) throw sourceRefused('the registry has no such version of the model');
    return ready({ model_version: newest });
  }

  async artifactUri(name: string, version: string, signal: AbortSignal): Promise<string> {
    const query = queryOf({ name, version });
    return (await this.#get(`model-versions/get-download-uri?${query}`, downloadUri, signal)).artifact_uri;
  }

  async listArtifacts(path: string, signal: AbortSignal): Promise<readonly Artifact[]> {
    const reply = await this.#send(`/api/2.0/mlflow-artifacts/artifacts?${queryOf({ path })}`, signal);
    const { files } = check(artifacts, await this.#read(reply));
    return files.map((file) => ({ path: file.path, isFolder: file.is_dir, sizeBytes: file.file_size }));
  }

  /** @param path of a file, as parts. */
  async openArtifact(path: string, signal: AbortSignal): Promise<HttpReply['body']> {
    const encoded = path
      .split('/')
      .map((part) => encodeURIComponent(part))
      .join('/');
    const reply = await this.#send(`/api/2.0/mlflow-artifacts/artifacts/${encoded}`, signal);
    if (reply.status === 200) return reply.body;
    reply.body.destroy();
    throw failed(reply.status, '');
  }

  async #get<T>(call: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    return check(schema, await this.#ask(call, signal));
  }

  async #ask(call: string, signal: AbortSignal, body?: object): Promise<unknown> {
    return this.#read(await this.#send(`/api/2.0/mlflow/${call}`, signal, body));
  }

  #send(path: string, signal: AbortSignal, body?: object): Promise<HttpReply> {
    const { baseUrl, authorization, rules } = this.#options;
    const posted =
      body === undefined
        ? { headers: {} }
        : ({
            method: 'POST',
            body: JSON.stringify(body),
            headers: { 'content-type': 'application/json' },
          } as const);
    return httpGet({ url: `${baseUrl}${path}`, authorization, signal, ...posted }, rules);
  }

  async #read(reply: HttpReply): Promise<unknown> {
    const text = (await readReply(reply, mostBytes, this.#options.clock)).toString();
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw sourceUnreachable(`what answers at MLFLOW_TRACKING_URI is no tracking server (${reply.status})`);
    }
    if (reply.status !== 200) throw failed(reply.status, codeOf(answer));
    return answer;
  }
}

/** A name and a password, or a token, as MLflow's own clients read them. @throws ServingError SOURCE_CONFIGURATION */
export function mlflowFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Pick<MlflowApiOptions, 'baseUrl' | 'authorization'> {
  const place = environment['MLFLOW_REGISTRY_URI'] ?? environment['MLFLOW_TRACKING_URI'] ?? '';
  if (!/^https?:\/\/[^/]/.test(place) || !URL.canParse(place)) {
    throw sourceMisconfigured('models:/ needs MLFLOW_TRACKING_URI, the http(s) address of a tracking server');
  }
  const url = new URL(place);
  const {
    MLFLOW_TRACKING_TOKEN: token,
    MLFLOW_TRACKING_USERNAME: user,
    MLFLOW_TRACKING_PASSWORD: password,
  } = environment;
  const basic = (name: string, secret: string) =>
    `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
  let authorization: string | undefined;
  if (user !== undefined && password !== undefined) authorization = basic(user, password);
  else if (token !== undefined) authorization = `Bearer ${token}`;
  else if (url.username !== '')
    authorization = basic(decodeURIComponent(url.username), decodeURIComponent(url.password));
  return { baseUrl: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, authorization };
}

function queryOf(fields: Readonly<Record<string, string>>): string {
  return new URLSearchParams(fields).toString();
}

function check<T>(schema: z.ZodType<T>, answer: unknown): T {
  const checked = schema.safeParse(answer);
  if (checked.success) return checked.data;
  throw sourceUnreachable('the tracking server answers something else than it should');
}

function ready({ model_version: { version, status } }: z.output<typeof oneVersion>): string {
  if (status === 'READY') return version;
  throw sourceUnreachable(`version ${version} is not ready in the registry (${printable(status)})`);
}

function codeOf(answer: unknown): string {
  if (typeof answer !== 'object' || answer === null || !('error_code' in answer)) return '';
  return printable(String(answer.error_code));
}

/** An alias that is not there is 400. */
function failed(status: number, code: string): Error {
  const words = code === '' ? `${status}` : `${status}, ${code}`;
  if (status === 401 || status === 403) {
    return sourceRefused(`the registry does not let these credentials read (${words})`);
  }
  if (status === 404 || status === 400)
    return sourceRefused(`the registry has no such model, version or alias (${words})`);
  return sourceUnreachable(`the registry answers ${words}`);
}
