import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { TemporaryFolder } from '../../support/temporary-folder.ts';
import { findProgram } from '../../support/tools.ts';

/** Debian's Chromium without a window; `skip` is for node:test's option. */
export const chromium = findProgram('chromium-headless-shell');

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: object;
  readonly result?: object;
  readonly error?: { readonly message: string };
}

/** One tab of a browser of its own, driven by Chrome's DevTools protocol. */
export class Browser implements AsyncDisposable {
  /** What the page complained of: exceptions, errors of its console, violations of its policy, failed downloads. */
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;
  readonly #profile: TemporaryFolder;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<object>>();
  #session = '';
  #onLoad = (): void => {};
  #nextId = 1;

  private constructor(child: ChildProcess, profile: TemporaryFolder, socket: WebSocket) {
    this.#child = child;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener('close', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('Chromium has ended'));
    });
    socket.addEventListener('message', ({ data }) => this.#take(JSON.parse(String(data)) as Answer));
  }

  static async start(): Promise<Browser> {
    const profile = new TemporaryFolder();
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--remote-debugging-port=0',
      '--disable-dev-shm-usage',
    ];
    const child = spawn(chromium.path, [...flags, `--user-data-dir=${profile.path}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let url: string | undefined;
    for await (const line of createInterface(child.stderr)) {
      url = /^DevTools listening on (ws:\S+)/.exec(line)?.[1];
      if (url !== undefined) break;
    }
    child.stderr.resume();
    if (url === undefined) throw new Error('Chromium did not start');
    const socket = new WebSocket(url);
    await once(socket, 'open');
    const browser = new Browser(child, profile, socket);
    const { targetId } = (await browser.#send('Target.createTarget', { url: 'about:blank' })) as {
      targetId: string;
    };
    const attached = await browser.#send('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = (attached as { sessionId: string }).sessionId;
    for (const domain of ['Page', 'Runtime', 'Log']) await browser.#send(`${domain}.enable`);
    return browser;
  }

  /** Resolves when the page has been loaded; what is asked of a page that is being left is never answered. */
  async open(url: string): Promise<void> {
    const loaded = Promise.withResolvers<void>();
    this.#onLoad = loaded.resolve;
    await this.#send('Page.navigate', { url });
    await loaded.promise;
  }

  async show(look: {
    readonly width: number;
    readonly height: number;
    readonly scheme: 'light' | 'dark';
  }): Promise<void> {
    const { width, height, scheme } = look;
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    await this.#send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await this.#send('Emulation.setEmulatedMedia', { features });
  }

  /** The value of an expression, or of the promise that it is. */
  async evaluate(expression: string): Promise<unknown> {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = (await this.#send('Runtime.evaluate', options)) as {
      readonly result: { readonly value?: unknown };
      readonly exceptionDetails?: {
        readonly text: string;
        readonly exception?: { readonly description?: string };
      };
    };
    if (exceptionDetails === undefined) return result.value;
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }

  /** Resolves once the expression is true. Rejects after a minute, with the text of the page. */
  async until(expression: string): Promise<void> {
    const limit = performance.now() + 60_000;
    while ((await this.evaluate(`Boolean(${expression})`)) !== true) {
      if (performance.now() > limit) {
        const text = String(await this.evaluate('document.body.innerText'));
        throw new Error(`never came true: ${expression}\n${text}\n${this.complaints.join('\n')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Presses the button with this text, as a person would find it, once it is there. Rejects as `until`. */
  press(text: string): Promise<void> {
    return this.until(`(() => {
      const found = ${button(text)};
      found?.click();
      return found !== undefined;
    })()`);
  }

  /** Whether there is a button with this text now. */
  async offers(text: string): Promise<boolean> {
    return (await this.evaluate(`${button(text)} !== undefined`)) === true;
  }

  /** Of the whole page, as PNG. */
  async screenshot(path: string): Promise<void> {
    const shot = await this.#send('Page.captureScreenshot', { captureBeyondViewport: true });
    writeFileSync(path, Buffer.from((shot as { data: string }).data, 'base64'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The program is a script around the browser: a signal would end the script alone.
    const ended = once(this.#child, 'exit');
    this.#session = '';
    this.#send('Browser.close').catch(() => undefined);
    if (this.#child.exitCode === null) await ended;
    this.#child.stderr?.destroy();
    this.#profile[Symbol.dispose]();
  }

  #send(method: string, params: object = {}): Promise<object> {
    const id = this.#nextId++;
    const waiting = Promise.withResolvers<object>();
    this.#waiting.set(id, waiting);
    const session = this.#session === '' ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    return waiting.promise;
  }

  #take({ id, method, params, result, error }: Answer): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result ?? {});
      else waiting?.reject(new Error(error.message));
    } else if (method === 'Page.loadEventFired') {
      this.#onLoad();
    } else if (method === 'Runtime.exceptionThrown' || (method === 'Log.entryAdded' && isError(params))) {
      this.complaints.push(JSON.stringify(params));
    }
  }
}

/** In the dialog, where one is open. */
function button(text: string): string {
  const all = `[...(document.querySelector('dialog[open]') ?? document).querySelectorAll('button')]`;
  return `${all}.find((one) => one.checkVisibility() && one.textContent === ${JSON.stringify(text)})`;
}

function isError(params: object | undefined): boolean {
  return (params as { readonly entry: { readonly level: string } }).entry.level === 'error';
}
