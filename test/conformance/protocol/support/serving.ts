import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resolveOptions } from '../../../../src/config/load.ts';
import type { PartialOptions } from '../../../../src/config/options.ts';
import { createServer, type Server } from '../../../../src/server.ts';
import { createLogger } from '../../../../src/observability/log.ts';
import { TemporaryFolder } from '../../../support/temporary-folder.ts';
import { fixtureModel } from '../../../support/build-batch.ts';
import { ProtocolClient } from './protocol-client.ts';

/** Every implementation of gRPC's transport; the whole suite runs on each. */
export const transports = ['grpc-js', 'h2'] as const;

export type Transport = (typeof transports)[number];

/** A model of the suite's repository. */
export interface ServedModel {
  /** Name of a model in test/fixtures; undefined for bytes that are no model. */
  readonly fixture: string | undefined;
  readonly versions?: readonly string[];
  /** config.pbtxt without the name; none leaves everything to be completed. */
  readonly config?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** A server in this process on a free port, with a repository of its own, and a client of it. */
export class Serving implements AsyncDisposable {
  readonly server: Server;
  readonly client: ProtocolClient;
  readonly #folder: TemporaryFolder;

  static async start(
    transport: Transport,
    models: Readonly<Record<string, ServedModel>>,
    options: PartialOptions = {},
  ): Promise<Serving> {
    const folder = new TemporaryFolder();
    for (const [name, model] of Object.entries(models)) writeModel(folder.path, name, model);
    try {
      const server = await createServer(
        resolveOptions({
          ...options,
          models: { repositories: [folder.path], ...options.models },
          grpc: { port: 0, transport, ...options.grpc },
          http: { port: 0, ...options.http },
          metrics: { enabled: false },
          admin: { address: 'off' },
        }),
        { logger: createLogger({ level: 'silent', format: 'json' }) },
      );
      return new Serving(server, folder);
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(server: Server, folder: TemporaryFolder) {
    this.server = server;
    this.#folder = folder;
    this.client = new ProtocolClient(server.grpcAddress);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    await this.server.stop();
    this.#folder[Symbol.dispose]();
  }
}

function writeModel(
  repository: string,
  name: string,
  { fixture, versions = ['1'], config, files = {} }: ServedModel,
): void {
  const folder = join(repository, name);
  for (const version of versions) {
    mkdirSync(join(folder, version), { recursive: true });
    const target = join(folder, version, 'model.onnx');
    if (fixture === undefined) writeFileSync(target, 'no model at all');
    else copyFileSync(fixtureModel(fixture), target);
  }
  if (config !== undefined) writeFileSync(join(folder, 'config.pbtxt'), `name: "${name}"\n${config}\n`);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
}
