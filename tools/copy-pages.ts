/** Puts the files of the pages beside the built code, and with them the library that /docs is made of, and its licences. */
import { copyFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pages = join('transport', 'http', 'pages', 'assets');
const root = join(import.meta.dirname, '..');
const target = join(root, 'dist', pages);
const library = fileURLToPath(new URL('.', import.meta.resolve('swagger-ui-dist/package.json')));

cpSync(join(root, 'src', pages), target, { recursive: true });
for (const file of ['swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'swagger-ui.css']) {
  copyFileSync(join(library, file), join(target, file));
}
for (const file of ['LICENSE', 'NOTICE'])
  copyFileSync(join(library, file), join(target, `swagger-ui.${file}.txt`));
