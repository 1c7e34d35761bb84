import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { LiveTerminal, type Key, type KeySource } from '../../../src/cli/live-terminal.ts';

class FakeKeys extends EventEmitter implements KeySource {
  readonly isTTY = true;
  raw = false;
  flowing = false;

  setRawMode(on: boolean): void {
    this.raw = on;
  }

  resume(): void {
    this.flowing = true;
  }

  pause(): void {
    this.flowing = false;
  }
}

test('keys are understood, also several at once, and others mean nothing', () => {
  const input = new FakeKeys();
  const pressed: Key[] = [];
  using _ = new LiveTerminal(input, { write() {} }, { colors: true, onKey: (key) => pressed.push(key) });
  for (const data of ['\u001b[A\u001b[Bjk', '\r', '\u001b[5~x\u001b[6~', 's', '\u001b', 'q', '\u0003']) {
    input.emit('data', Buffer.from(data));
  }
  assert.deepEqual(pressed, [
    'up',
    'down',
    'down',
    'up',
    'enter',
    'page up',
    'page down',
    'sort',
    'back',
    'quit',
    'quit',
  ]);
});

test('disposing it gives the terminal and its keys back', () => {
  const input = new FakeKeys();
  let written = '';
  const output = { write: (text: string) => void (written += text) };
  const terminal = new LiveTerminal(input, output, { colors: true, onKey() {} });
  assert.deepEqual([input.raw, input.flowing, input.listenerCount('data')], [true, true, 1]);
  assert.match(written, /\[\?1049h/);
  terminal[Symbol.dispose]();
  assert.deepEqual([input.raw, input.flowing, input.listenerCount('data')], [false, false, 0]);
  assert.ok(written.endsWith('\u001b[?7h\u001b[?25h\u001b[?1049l'));
});

test('a frame has no more lines and columns than the terminal', () => {
  let written = '';
  const output = { write: (text: string) => void (written = text), columns: 10, rows: 2 };
  using terminal = new LiveTerminal(new FakeKeys(), output, { colors: false, onKey() {} });
  terminal.show(['0123456789ABC', 'second', 'third'].map((text) => ({ text, style: 'bad' as const })));
  assert.equal(written, '\u001b[H0123456789\u001b[K\r\nsecond\u001b[K\u001b[J');
});
