import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Of the test's own. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A web server of files that the test changes. It knows ETags, conditions and ranges; an answer of the test's own replaces a file. */
export class FileServer implements AsyncDisposable {
  readonly files = new Map<string, Buffer | Answer>();
  /** Path and headers of what was asked. */
  readonly asked: { readonly path: string; readonly headers: IncomingMessage['headers'] }[] = [];
  readonly #server = createServer((request, response) => this.#answer(request, response));

  static async start(host = '127.0.0.1'): Promise<FileServer> {
    const server = new FileServer();
    server.#server.listen(0, host);
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Replaces the index by one of these files, and the files with them. */
  publish(folder: string, files: Readonly<Record<string, Buffer>>, more: readonly object[] = []): void {
    const entries = Object.entries(files).map(([path, content]) => {
      this.files.set(`${folder}/${path}`, content);
      return { path, sha256: createHash('sha256').update(content).digest('hex'), size: content.length };
    });
    this.files.set(`${folder}/index.json`, Buffer.from(JSON.stringify({ files: [...entries, ...more] })));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { url = '', headers } = request;
    this.asked.push({ path: url, headers });
    const file = this.files.get(decodeURIComponent(url));
    if (file === undefined) return void response.writeHead(404).end();
    if (typeof file === 'function') return file(request, response);
    const etag = `"${createHash('md5').update(file).digest('hex')}"`;
    if (headers['if-none-match'] === etag) return void response.writeHead(304).end();
    if (headers['if-match'] !== undefined && headers['if-match'] !== etag)
      return void response.writeHead(412).end();
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
    if (range === null)
      return void response.writeHead(200, { etag, 'content-length': file.length }).end(file);
    const start = Number(range[1]);
    const end = range[2] === '' ? file.length : Number(range[2]) + 1;
    const part = file.subarray(start, end);
    const place = `bytes ${start}-${start + part.length - 1}/${file.length}`;
    response.writeHead(206, { etag, 'content-range': place, 'content-length': part.length }).end(part);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
