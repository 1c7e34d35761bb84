/** The API key that was entered; kept for as long as the page is open. */
let apiKey = '';

export function keyHeaders() {
  return apiKey === '' ? {} : { 'x-api-key': apiKey };
}

/** Reads JSON of this server, and asks for an API key where one is needed. */
export async function readJson(path, message) {
  for (;;) {
    const reply = await fetch(path, { headers: keyHeaders() });
    if (reply.ok) return reply.json();
    const { error = `status ${reply.status}` } = await reply.json().catch(() => ({}));
    if (reply.status !== 401 && reply.status !== 403) throw new Error(error);
    apiKey = await askForKey(message, apiKey === '' ? 'This server asks for an API key.' : error);
  }
}

function askForKey(message, why) {
  const form = document.createElement('form');
  form.className = 'key';
  const label = document.createElement('label');
  const input = document.createElement('input');
  input.type = 'password';
  input.autocomplete = 'off';
  input.required = true;
  label.append('API key ', input);
  const button = document.createElement('button');
  button.textContent = 'Go on';
  form.append(label, button);
  message.replaceChildren(why);
  message.after(form);
  input.focus();
  return new Promise((resolve) => {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      form.remove();
      resolve(input.value.trim());
    });
  });
}
