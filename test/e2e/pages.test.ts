import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Browser, chromium } from './support/browser.ts';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findProgram, findPython, skipUnless } from '../support/tools.ts';

const execute = promisify(execFile);
const models = join(import.meta.dirname, '..', '..', 'examples', 'models');
const tools = [findProgram('curl'), findProgram('grpcurl'), findPython()];

/** Texts of the tabs of a model, and a click on one. */
const card = `[...document.querySelectorAll('article')].find((card) => card.innerText.startsWith('iris'))`;
const titles = `${card} && [...${card}.querySelectorAll('[role=tab]')].map((tab) => tab.textContent)`;
const clickTab = (index: number): string =>
  `(${card}.querySelectorAll('[role=tab]')[${index}].click(), true)`;

/**
 * Tries the operation that is open, and gives the status of the reply. A click is lost while the page is still being drawn, so
 * that it is repeated after two seconds without a reply.
 */
const tryIt = `(() => {
  const cells = [...document.querySelectorAll('.live-responses-table .response-col_status')];
  const status = cells.map((cell) => cell.innerText.trim().slice(0, 3)).find((text) => /^\\d/.test(text));
  const { dataset } = document.body;
  if (status === undefined && performance.now() - Number(dataset.clickedAt ?? -Infinity) > 2000) {
    dataset.clickedAt = String(performance.now());
    document.querySelector('.opblock.is-open .execute')?.click();
  }
  return status;
})()`;

const typeKey = (key: string): string =>
  `(() => { const input = document.querySelector('.key input'); if (!input) return false; input.value = '${key}';
    document.querySelector('.key button').click(); return true; })()`;

/** What an expression gives, once it gives anything. */
async function once(page: Browser, expression: string): Promise<unknown> {
  await page.until(expression);
  return page.evaluate(expression);
}

/** Nothing red, and nothing asked of anybody else. */
async function assertClean(page: Browser, origin: string): Promise<void> {
  assert.deepEqual(page.complaints, []);
  const asked = await page.evaluate(`performance.getEntriesByType('resource').map(({ name }) => name)`);
  assert.ok(Array.isArray(asked) && asked.length > 2);
  for (const url of asked)
    assert.ok(String(url).startsWith('data:') || String(url).startsWith(`${origin}/`), String(url));
}

describe('a browser', { skip: chromium.skip }, () => {
  test(
    'finds the models at /, with calls that work as they are pasted',
    { skip: skipUnless(...tools) },
    async (t) => {
      await using server = await startServer({ repository: models });
      const origin = `http://${server.httpAddress}`;
      await using page = await Browser.start();
      await page.open(`${origin}/`);
      const shown: unknown = await once(page, titles);
      assert.deepEqual(shown, [
        'curl, Open Inference Protocol',
        'curl, plain prediction',
        'grpcurl',
        'Python',
      ]);
      const path = [...tools.map((tool) => dirname(tool.path)), process.env['PATH']].join(delimiter);
      for (const [index, title] of shown.entries()) {
        await t.test(title, async () => {
          await page.evaluate(clickTab(index));
          const text = String(await page.evaluate(`${card}.querySelector('pre code').textContent`));
          const program = title === 'Python' ? findPython().path : 'bash';
          const { stdout } = await execute(program, ['-c', text], {
            env: { ...process.env, PATH: path },
            timeout: 240_000,
          });
          assert.match(stdout, /label|prediction|\[\[/);
        });
      }
      assert.equal(await page.evaluate(`document.querySelectorAll('article').length`), 7);
      await assertClean(page, origin);
    },
  );

  test('tries the API at /docs', async () => {
    await using server = await startServer({ repository: models });
    const origin = `http://${server.httpAddress}`;
    await using page = await Browser.start();
    await page.open(`${origin}/docs#/iris/iris_infer`);
    await page.until(`document.querySelector('.opblock.is-open .execute')`);
    assert.equal(await once(page, tryIt), '200');
    await assertClean(page, origin);
  });

  test('is asked for an API key where one is needed, and forgets it', async () => {
    using folder = new TemporaryFolder();
    const file = join(folder.path, 'keys.yaml');
    const key = '0123456789abcdef0123456789abcdef';
    writeFileSync(file, `keys:\n  - { principal: me, key: ${key} }\n`);
    await using server = await startServer({ repository: models, args: ['--api-keys-file', file] });
    const origin = `http://${server.httpAddress}`;
    await using page = await Browser.start();
    await page.open(`${origin}/`);
    await page.until(typeKey('a key that nobody has'));
    await page.until(`document.querySelector('#message').innerText.includes('API key')`);
    assert.equal(await page.evaluate(`document.querySelectorAll('article').length`), 0);
    await page.until(typeKey(key));
    await page.until(titles);
    await page.open(`${origin}/docs#/iris/iris_infer`);
    await page.until(typeKey(key));
    await page.until(`document.querySelector('.opblock.is-open .execute')`);
    assert.equal(await once(page, tryIt), '200');
    const refused = page.complaints.filter((error) => !/401/.test(error));
    assert.deepEqual(refused, []);
  });
});
