import type { Infer } from '../../../../src/inference/infer.ts';
import { noParameters } from '../../../../src/inference/request.ts';
import { silentLogger } from '../../../../src/inference/logger.ts';
import { anonymous } from '../../../../src/inference/principal.ts';
import { createHttpServer, type HttpFront } from '../../../../src/transport/http/http-server.ts';
import type {
  HttpServer,
  HttpServerOptions,
  HttpTls,
} from '../../../../src/transport/http/http-server-options.ts';
import { listenHttp } from '../../../../src/transport/http/h2-listen.ts';
import { systemClock } from '../../../../src/util/clock.ts';
import { fakeCatalog } from '../../../support/fake-catalog.ts';
import { fakeSettings } from '../../../support/fake-settings.ts';

/** Answers with the inputs. */
export const echo: Infer = ({ model, id, inputs }) =>
  Promise.resolve({ model, version: '1', id, outputs: inputs, parameters: noParameters });

/** An HTTP front on a port of its own, before a pipeline of the test's. */
export class TestFront implements AsyncDisposable {
  readonly server: HttpServer;
  readonly #front: HttpFront;

  private constructor(front: HttpFront, server: HttpServer) {
    this.#front = front;
    this.server = server;
  }

  static async start(options: Partial<HttpServerOptions> = {}, tls?: HttpTls): Promise<TestFront> {
    const tensor = { name: 'x', datatype: 'FP32', shape: [-1] };
    const front = createHttpServer({
      infer: echo,
      catalog: fakeCatalog([
        { name: 'm', versions: ['1'], platform: '', inputs: [tensor], outputs: [tensor] },
      ]),
      control: undefined,
      settings: fakeSettings,
      sharedMemory: undefined,
      authenticate: () => anonymous,
      clock: systemClock,
      serverName: 'test',
      serverVersion: '1',
      extensions: [],
      corsOrigins: [],
      ...options,
    });
    const server = await listenHttp(front, {
      listen: { host: '127.0.0.1', port: 0 },
      tls,
      clock: systemClock,
      logger: silentLogger,
      limits: options.limits ?? {},
    });
    return new TestFront(front, server);
  }

  get url(): string {
    return `http://${this.server.address}`;
  }

  async drain(graceMs: number): Promise<void> {
    await Promise.all([this.server.drain(graceMs), this.#front.drain(graceMs)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(0);
    this.#front[Symbol.dispose]();
  }
}
