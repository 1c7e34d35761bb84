import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sniffProtocol } from '../../../../src/transport/h2/sniff.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeSocket } from '../../../support/fake-socket.ts';

function sniff(): { socket: FakeSocket; clock: FakeClock; decisions: (readonly [string, string])[] } {
  const socket = new FakeSocket();
  const clock = new FakeClock(0);
  const decisions: (readonly [string, string])[] = [];
  sniffProtocol(socket, {
    clock,
    timeoutMs: 1000,
    decided: (protocol, first) => void decisions.push([protocol, first.toString()]),
  });
  return { socket, clock, decisions };
}

const cases: readonly (readonly [pieces: readonly string[], protocol: string])[] = [
  [['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], 'http2'],
  [['PRI'], 'http2'],
  [['P', 'R', 'I * HT'], 'http2'],
  [['POST / HTTP/1.1\r\n'], 'other'],
  [['PR', 'OPFIND /'], 'other'],
  [['G'], 'other'],
  [['\u0000'], 'other'],
];

for (const [pieces, protocol] of cases) {
  test(`a connection that begins with ${JSON.stringify(pieces)} speaks ${protocol}`, () => {
    const { socket, decisions } = sniff();
    for (const piece of pieces) {
      assert.deepEqual(decisions, []);
      socket.receive(Buffer.from(piece));
    }
    assert.deepEqual(decisions, [[protocol, pieces.join('')]]);
    assert.equal(socket.isPaused(), true);
    for (const event of ['data', 'error', 'close']) assert.equal(socket.listenerCount(event), 0, event);
  });
}

test('a peer that does not show in time what it speaks is cut off, also one that dawdles', () => {
  for (const said of ['', 'P', 'PR']) {
    const { socket, clock, decisions } = sniff();
    socket.receive(Buffer.from(said));
    clock.advance(999);
    assert.equal(socket.destroyed, false);
    clock.advance(1);
    assert.equal(socket.destroyed, true);
    assert.deepEqual(decisions, []);
  }
});

test('no time limit is left once the protocol is known, or the peer is gone', () => {
  const known = sniff();
  known.socket.receive(Buffer.from('GET'));
  assert.equal(known.clock.pending, 0);
  const gone = sniff();
  gone.socket.emit('error', new Error('reset'));
  assert.equal(gone.clock.pending, 0);
});
