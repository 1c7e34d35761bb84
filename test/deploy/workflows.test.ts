import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { root } from '../support/source-tree.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { skipUnless } from '../support/tools.ts';
import { findDeployProgram, runTool } from './support/deploy-tools.ts';

const actionlint = findDeployProgram('actionlint');
const shellcheck = findDeployProgram('shellcheck');
const folder = join(root, '.github', 'workflows');
const workflows = new Map(
  readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const),
);
const scripts = Object.keys(
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly scripts: object }).scripts,
);

const skip = skipUnless(actionlint, shellcheck);

test(
  'actionlint finds nothing in the workflows, and shellcheck nothing in their scripts',
  { skip },
  async () => {
    const files = [...workflows.keys()].map((file) => join(folder, file));
    assert.equal(await runTool(actionlint, ['-shellcheck', shellcheck.path, ...files]), '');
  },
);

test('actionlint finds what is wrong', { skip }, async () => {
  using copy = new TemporaryFolder();
  const wrong = (workflows.get('release.yaml') ?? '').replace(
    'steps.version.outputs',
    'steps.versoin.outputs',
  );
  const file = copy.write('release.yaml', wrong);
  await assert.rejects(runTool(actionlint, ['-shellcheck', '', file]), /versoin/);
});

for (const [file, text] of workflows) {
  test(`${file} names actions by commit, and gives its token no more than reading by default`, () => {
    for (const [, action = ''] of text.matchAll(/uses: (.*)$/gm)) {
      assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
    const { permissions } = parse(text) as { readonly permissions: object };
    assert.deepEqual(permissions, { contents: 'read' });
  });

  test(`${file} calls scripts and files that exist`, () => {
    for (const [, script = ''] of text.matchAll(/npm run ([\w:-]+)/g))
      assert.ok(scripts.includes(script), script);
    for (const [path] of text.matchAll(/\bdeploy\/[\w./-]*\w/g))
      assert.ok(existsSync(join(root, path)), path);
  });
}
