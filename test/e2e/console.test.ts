import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createClient, type Client } from '../../src/client/client.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { root } from '../support/source-tree.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { Browser, chromium } from './support/browser.ts';

const run = promisify(execFile);

/** Where the pictures go, for people to look at: of both schemes, wide and narrow. */
const pictures = process.env['CONSOLE_PICTURES'];

const wide = { width: 1280, height: 900, scheme: 'light' } as const;

function row(model: string): string {
  return `[...document.querySelectorAll('tbody tr')].find((one) => one.querySelector('.pick')?.textContent === '${model}')`;
}

function repository(): RepositoryFolder {
  const folder = new RepositoryFolder();
  cpSync(join(root, 'examples', 'models'), folder.path, { recursive: true });
  cpSync(join(folder.path, 'iris', '1'), join(folder.path, 'iris', '2'), { recursive: true });
  folder.put('iris/config.pbtxt', Buffer.from('version_policy { all {} }\n'));
  folder.put('broken/1/model.onnx', Buffer.from('none'));
  const monitoring = '{ feedback: {}, drift: { firstRows: 1000 } }';
  folder.put(
    'iris/model.yaml',
    Buffer.from(`classes: [setosa, versicolor, virginica]\nmonitoring: ${monitoring}\n`),
  );
  return folder;
}

describe('the console in Chromium', { skip: chromium.skip, timeout: 240_000 }, () => {
  const resources = new AsyncDisposableStack();
  const ended = new AbortController();
  let load: Promise<unknown> = Promise.resolve();
  let server: RunningServer;
  let browser: Browser;

  before(async () => {
    const folder = resources.use(repository());
    const models = ['iris', 'digits', 'broken'].flatMap((model) => ['--load-model', model]);
    const kept = resources.use(new TemporaryFolder());
    const rollouts = kept.write(
      'rollouts.yaml',
      'rollouts: [{ model: iris, stable: 1, candidate: 2, steps: [10, 100], minutes: 600 }]\n',
    );
    const places = ['--rollout-state', join(kept.path, 'rollouts.json'), '--quality-state', kept.path];
    const control = ['--model-control-mode', 'explicit', '--no-strict-readiness', ...models];
    const args = [...control, '--rollouts', rollouts, ...places];
    server = await startServer({ repository: folder.path, args });
    resources.use(server);
    const client = resources.use(createClient({ address: server.grpcAddress }));
    load = Promise.all([
      ask(client, '1', ended.signal),
      ask(client, '2', ended.signal),
      ask(client, '2', ended.signal),
    ]);
    browser = resources.use(await Browser.start());
    await browser.show(wide);
    await browser.open(`http://${server.metricsAddress}/console`);
  });
  after(async () => {
    ended.abort();
    await load;
    await resources.disposeAsync();
  });

  test('it shows every model with its state, and the numbers of those that are asked', async () => {
    await browser.until(`/^[1-9]/.test(${row('iris')}?.cells[2].textContent ?? '')`);
    await browser.until(`${row('broken')}?.innerText.includes('unavailable')`);
    await browser.until(`${row('diabetes')}?.innerText.includes('not loaded')`);
    await browser.until(`${row('iris')}?.innerText.includes('ready')`);
    await browser.until(`document.querySelector('header .state').textContent === 'ready'`);
  });

  test('a model of two versions shows how its requests are divided', async () => {
    await browser.until(
      `/version 2: \\d+%.*version 1: \\d+%/s.test(document.querySelector('.split-line')?.textContent)`,
    );
  });

  test('rollouts show their arms, and monitored models their labels and drift', async () => {
    const post = async (path: string, body: object): Promise<unknown> => {
      const request = { method: 'POST', body: JSON.stringify(body) };
      return (await fetch(`http://${server.httpAddress}/v2/models/iris/${path}`, request)).json();
    };
    const input = { name: 'features', datatype: 'FP32', shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] };
    await post('versions/1/infer', { id: 'labelled', inputs: [input] });
    await post('feedback', { id: 'labelled', label: 'setosa' });
    await browser.until(
      `/iris: .*running.*stable, version 1: 90%.*canary, version 2: 10%/s.test(document.querySelector('.rollouts')?.textContent)`,
    );
    await browser.until(
      `/iris 1\\s*–\\s*1\\s*\\d+%\\s*accuracy 1/.test(document.querySelector('.quality')?.innerText.replaceAll('\\n', ' '))`,
    );
  });

  test('choosing a model shows its percentiles, and why it does not serve', async () => {
    await browser.press('iris');
    await browser.until(`/^iris, version \\d$/.test(document.querySelector('#details-title').textContent)`);
    await browser.until(`/Answer\\s+\\d+\\.\\d+\\s+\\d+/.test(document.querySelector('.details').innerText)`);
    await browser.until(`document.querySelectorAll('.details .bar').length > 0`);
    await browser.press('broken');
    await browser.until(`/no ONNX model/.test(document.querySelector('.reason').innerText)`);
  });

  test('a model is loaded and, after a question, unloaded', async () => {
    await browser.press('diabetes');
    await browser.press('Load');
    await browser.until(`${row('diabetes')}?.innerText.includes('ready')`);
    await browser.press('diabetes');
    await browser.press('Unload');
    await browser.press('Cancel');
    await browser.until(`document.querySelector('dialog') === null`);
    await browser.press('Unload');
    await browser.press('Unload');
    await browser.until(`${row('diabetes')}?.innerText.includes('not loaded')`);
  });

  test('what goes wrong is said', async () => {
    await browser.press('broken');
    await browser.press('Load');
    await browser.until(
      `/no ONNX model/.test(document.querySelector('.message[data-kind=bad]')?.textContent)`,
    );
  });

  for (const scheme of ['light', 'dark'] as const) {
    for (const [shape, width] of [
      ['wide', 1280],
      ['narrow', 380],
    ] as const) {
      test(`nothing is wider than the window when it is ${shape} and ${scheme}, and texts stand out`, async () => {
        await browser.press('iris');
        await browser.show({ width, height: 900, scheme });
        assert.equal(await browser.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
        assert.equal(await browser.evaluate(`(${leastContrast.toString()})() >= 4.5`), true);
        if (pictures !== undefined) {
          mkdirSync(pictures, { recursive: true });
          await browser.screenshot(join(pictures, `${scheme}-${shape}.png`));
        }
      });
    }
  }

  test('the browser had nothing to complain of but the load that failed', () => {
    assert.deepEqual(
      browser.complaints.filter((text) => !text.includes('/console/api/load')),
      [],
    );
  });

  test('markup and scripts that came into the page as texts would not run', async () => {
    const script = `document.body.setAttribute('onclick', 'document.title = "taken"')`;
    await assert.rejects(browser.evaluate(script), /TrustedScript/);
    await assert.rejects(browser.evaluate(`document.body.innerHTML = '<b>x</b>'`), /TrustedHTML/);
  });

  test('Drain stops the server, and the page says that it does not answer', async () => {
    ended.abort();
    await load;
    await browser.show(wide);
    await browser.press('Drain');
    await browser.press('Drain');
    await browser.until(
      `document.querySelector('header .state').textContent === 'the server does not answer'`,
    );
    await server.ended;
  });
});

describe(
  'the console of a server with API keys, in Chromium',
  { skip: chromium.skip, timeout: 240_000 },
  () => {
    const key = 'a-key-of-operators-1234';

    test('asks for a key, and shows no actions to a key that may only read', async () => {
      using folder = new TemporaryFolder();
      const reader = 'a-key-of-readers-12345';
      const file = folder.write(
        'keys.yaml',
        `keys:\n  - { principal: operators, key: ${key}, scopes: [infer, admin] }\n  - { principal: readers, key: ${reader} }\n`,
      );
      const models = join(root, 'examples', 'models');
      await using server = await startServer({
        repository: models,
        args: ['--api-keys-file', file, '--model-control-mode', 'explicit', '--load-model', 'iris'],
      });
      await using browser = await Browser.start();
      await browser.show(wide);
      await browser.open(`http://${server.metricsAddress}/console/`);
      await browser.until(`document.querySelector('.key-form')?.checkVisibility()`);
      const give = (text: string): Promise<unknown> =>
        browser.evaluate(
          `document.querySelector('#key').value = '${text}', [...document.querySelectorAll('button')].find((one) => one.textContent === 'Use key').click()`,
        );
      await give('a-wrong-key-of-nobody');
      await browser.until(`/not valid/.test(document.querySelector('.key-form').innerText)`);
      await give(reader);
      await browser.until(`document.querySelector('header').innerText.includes('as readers')`);
      assert.equal(await browser.evaluate(`${row('diabetes')} !== undefined`), true);
      assert.equal(await browser.offers('Drain'), false);
      await browser.evaluate(`sessionStorage.clear()`);
      await browser.open(`http://${server.metricsAddress}/console/?again`);
      await browser.until(`document.querySelector('.key-form')?.checkVisibility()`);
      await give(key);
      await browser.until(`document.querySelector('header').innerText.includes('as operators')`);
      await browser.press('diabetes');
      await browser.press('Load');
      await browser.until(`${row('diabetes')}?.innerText.includes('ready')`);
    });
  },
);

describe('where the console is', { timeout: 240_000 }, () => {
  const repository = join(root, 'examples', 'models', 'iris', '1', 'model.onnx');

  test('not on addresses that others reach, unless it is asked for', async () => {
    await using server = await startServer({ repository, args: ['--metrics-address', '0.0.0.0'] });
    const base = `http://127.0.0.1:${server.metricsAddress.split(':').at(-1)}`;
    assert.equal((await fetch(`${base}/console/`)).status, 404);
    assert.equal((await fetch(`${base}/metrics`)).status, 200);
  });

  test('nowhere with --metrics-console off', async () => {
    await using server = await startServer({ repository, args: ['--metrics-console', 'off'] });
    assert.equal((await fetch(`http://${server.metricsAddress}/console/`)).status, 404);
  });

  test('on addresses that others reach only with API keys', async () => {
    const args = ['--metrics-console', 'on', '--metrics-address', '0.0.0.0'];
    await assert.rejects(
      startServer({ repository, args }),
      /metrics\.console "on" needs security\.apiKeysFile/,
    );
  });
});

test("console/js is what 'npm run build:console' writes", async () => {
  using folder = new TemporaryFolder();
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  await run(tsc, ['-p', 'src/console/page', '--noEmit', 'false', '--outDir', folder.path], { cwd: root });
  const read = (path: string): ReadonlyMap<string, string> =>
    new Map(
      readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => [
          join(entry.parentPath, entry.name).slice(path.length),
          readFileSync(join(entry.parentPath, entry.name), 'utf8'),
        ]),
    );
  const committed = read(join(root, 'console', 'js'));
  assert.deepEqual(committed, read(folder.path));
  assert.ok(committed.size > 10);
});

async function ask(client: Client, version: string, signal: AbortSignal): Promise<void> {
  const data = Float32Array.of(5.1, 3.5, 1.4, 0.2);
  while (!signal.aborted) {
    await client.infer({ model: 'iris', version, inputs: [{ name: 'features', shape: [1, 4], data }] });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs in the page: the least contrast of a text to what is behind it, by WCAG's formula. */
function leastContrast(): number {
  const parts = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string): number => {
    const [red = 0, green = 0, blue = 0] = parts(color).map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const page = globalThis as unknown as {
    document: { querySelectorAll(what: string): Iterable<PageElement> };
    getComputedStyle(element: PageElement): { color: string; backgroundColor: string };
  };
  interface PageElement {
    readonly parentElement: PageElement | null;
    readonly childNodes: Iterable<{ readonly nodeType: number; readonly textContent: string }>;
    checkVisibility(): boolean;
  }
  const behind = (element: PageElement | null): string => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = page.getComputedStyle(at);
      if (parts(backgroundColor)[3] !== 0) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  let least = Infinity;
  for (const element of page.document.querySelectorAll('body *')) {
    const texts = [...element.childNodes].some(
      (node) => node.nodeType === 3 && node.textContent.trim() !== '',
    );
    if (!texts || !element.checkVisibility()) continue;
    const shades = [luminance(page.getComputedStyle(element).color), luminance(behind(element))].toSorted(
      (a, b) => a - b,
    );
    least = Math.min(least, ((shades[1] ?? 0) + 0.05) / ((shades[0] ?? 0) + 0.05));
  }
  return least;
}
