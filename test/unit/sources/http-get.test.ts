import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpGet, readReply, type HttpReply } from '../../../src/sources/http-get.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { FileServer, type Answer } from '../../support/file-server.ts';

const authorization = 'Bearer secret';

function redirect(location: string): Answer {
  return (_request, response) => void response.writeHead(302, { location }).end();
}

function get(url: string, redirectHosts: readonly string[] = []): Promise<HttpReply> {
  const { signal } = new AbortController();
  return httpGet({ url, headers: {}, authorization, signal }, { redirectHosts });
}

async function textOf(reply: HttpReply): Promise<string> {
  return (await readReply(reply, 1000, systemClock)).toString();
}

test('follows redirects on the same origin, with its credentials', async () => {
  await using server = await FileServer.start();
  server.files.set('/a', redirect('/b')).set('/b', Buffer.from('here'));
  assert.equal(await textOf(await get(`${server.url}/a`)), 'here');
  assert.deepEqual(
    server.asked.map(({ headers }) => headers.authorization),
    [authorization, authorization],
  );
});

test('follows to a host that is allowed by name, without credentials', async () => {
  await using server = await FileServer.start();
  await using other = await FileServer.start();
  server.files.set('/a', redirect(`http://localhost:${other.port}/b`));
  other.files.set('/b', Buffer.from('there'));
  assert.equal(await textOf(await get(`${server.url}/a`, ['localhost'])), 'there');
  assert.equal(other.asked[0]?.headers.authorization, undefined);
});

const inner = [
  ['a loopback address', 'http://127.0.0.1:PORT/b'],
  ['a name that means one', 'http://localhost:PORT/b'],
  ['an address of IPv6', 'http://[::1]:PORT/b'],
  ['one in another guise', 'http://[::ffff:127.0.0.1]:PORT/b'],
  ['a number', 'http://2130706433:PORT/b'],
  ["a cloud's credentials", 'http://169.254.169.254/latest/meta-data/'],
] as const;
for (const [what, location] of inner) {
  test(`follows no redirect to ${what}`, async () => {
    await using server = await FileServer.start();
    await using other = await FileServer.start();
    other.files.set('/b', Buffer.from('there'));
    server.files.set('/a', redirect(location.replace('PORT', String(other.port))));
    await assert.rejects(get(`${server.url}/a`), {
      reason: 'SOURCE_REFUSED',
      message: /no public address; --source-redirect-host/,
    });
    assert.equal(other.asked.length, 0);
  });
}

for (const location of ['file:///etc/passwd', 'ftp://x/y', 'http://me:secret@example.com/', 'http://[']) {
  test(`follows no redirect to ${location}`, async () => {
    await using server = await FileServer.start();
    server.files.set('/a', redirect(location));
    await assert.rejects(get(`${server.url}/a`), { reason: 'SOURCE_REFUSED' });
  });
}

test('follows five redirects and no more', async () => {
  await using server = await FileServer.start();
  for (let i = 0; i < 6; i++) server.files.set(`/${i}`, redirect(`/${i + 1}`));
  server.files.set('/6', Buffer.from('end'));
  assert.equal(await textOf(await get(`${server.url}/1`)), 'end');
  await assert.rejects(get(`${server.url}/0`), /redirects more than 5 times/);
});

test('reads no more than it is allowed to', async () => {
  await using server = await FileServer.start();
  server.files.set('/a', Buffer.alloc(1001));
  await assert.rejects(textOf(await get(`${server.url}/a`)), { reason: 'SOURCE_REFUSED' });
});

test('a server that is not there, or breaks off, is unreachable', async () => {
  await using server = await FileServer.start();
  server.files.set('/a', (request) => void request.socket.destroy());
  await assert.rejects(get(`${server.url}/a`), { reason: 'SOURCE_UNREACHABLE' });
  await assert.rejects(get('http://127.0.0.1:1/'), { reason: 'SOURCE_UNREACHABLE' });
});
