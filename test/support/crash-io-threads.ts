import { existsSync } from 'node:fs';
import { isMainThread, threadName } from 'node:worker_threads';

/**
 * Loaded with `--import` into a server: its I/O thread `io-0` throws once the file of CRASH_FILE is there. What throws is a
 * timer, so nothing of the server's own catches it.
 */
const file = process.env['CRASH_FILE'];
if (!isMainThread && threadName === 'io-0' && file !== undefined && !existsSync(file)) {
  const timer = setInterval(() => {
    if (!existsSync(file)) return;
    clearInterval(timer);
    throw new Error('a fault that a test planted');
  }, 10);
  timer.unref();
}
