import { keyHeaders, readJson } from './ask-for-key.js';

const message = document.getElementById('message');

try {
  const spec = await readJson('openapi.json', message);
  // Calls go to where the page came from, also behind a proxy that puts the server below a path.
  spec.servers = [{ url: new URL('.', location.href).href.replace(/\/$/, '') }];
  const content = document.getElementById('content');
  const ui = globalThis.SwaggerUIBundle({
    spec,
    domNode: content,
    deepLinking: true,
    docExpansion: 'none',
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    presets: [globalThis.SwaggerUIBundle.presets.apis],
    onComplete() {
      const key = keyHeaders()['x-api-key'];
      if (key !== undefined) ui.preauthorizeApiKey('key', key);
    },
  });
} catch (error) {
  message.textContent = `The description could not be read: ${error.message}`;
}
