import { parseReading } from '../reading.js';
/** A failure that the server, or the lack of one, explains. */
export class ConsoleError extends Error {
    /** HTTP's; 0 where there was no answer. */
    status;
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}
/** A scrape or an index that takes longer is given up. */
const timeoutMs = 10_000;
/** Talks to the server that the page came from. The key stays in memory, and in this tab until it is closed. */
export class ServerApi {
    #key = sessionStorage.getItem('tensorgate-key') ?? '';
    useKey(key) {
        this.#key = key;
        sessionStorage.setItem('tensorgate-key', key);
    }
    async metrics() {
        const response = await send('../metrics', {
            headers: { accept: 'text/plain' },
            signal: AbortSignal.timeout(timeoutMs),
        });
        return parseReading(await response.text(), Date.now());
    }
    async server() {
        const response = await send('api/server', {
            headers: this.#headers(),
            signal: AbortSignal.timeout(timeoutMs),
        });
        return (await response.json());
    }
    /** Resolves when it is done; loading a model may take minutes. */
    async act(name, body) {
        const headers = { ...this.#headers(), 'content-type': 'application/json', 'x-tensorgate-console': '1' };
        await send(`api/${name}`, { method: 'POST', headers, body: JSON.stringify(body) });
    }
    #headers() {
        return this.#key === '' ? {} : { 'x-api-key': this.#key };
    }
}
async function send(path, init) {
    let response;
    try {
        response = await fetch(path, { ...init, credentials: 'omit', redirect: 'error' });
    }
    catch {
        throw new ConsoleError(0, 'the server does not answer');
    }
    if (response.ok)
        return response;
    throw new ConsoleError(response.status, await explanation(response));
}
async function explanation(response) {
    try {
        const { error } = (await response.json());
        if (typeof error === 'string')
            return error;
    }
    catch {
        // Whoever stands between has texts of its own.
    }
    return `status ${response.status}`;
}
