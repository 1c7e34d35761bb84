import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { openOtlpSink } from '../../src/observability/predictions/otlp-sink.ts';
import { writtenRecord } from '../support/puppet-sink.ts';

test(
  'records that a collector does not take are not taken as written, and can be written again',
  { timeout: 240_000 },
  async () => {
    let status = 400;
    const bodies: string[] = [];
    const collector = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => void parts.push(part));
      request.on('end', () => {
        if (status === 200) bodies.push(Buffer.concat(parts).toString());
        response.writeHead(status).end('{}');
      });
    });
    await once(collector.listen(0, '127.0.0.1'), 'listening');
    const { port } = collector.address() as AddressInfo;
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = `http://127.0.0.1:${port}`;
    process.env['OTEL_EXPORTER_OTLP_PROTOCOL'] = 'http/json';
    const sink = await openOtlpSink('1.2.3');
    try {
      const records = Array.from({ length: 3000 }, (_, index) => writtenRecord(`p${index}.`));
      await assert.rejects(sink.write(records));
      assert.equal(bodies.length, 0);
      status = 200;
      await sink.write(records);
      const sent = bodies.join('');
      const missing = records.filter(({ line }) => !sent.includes(`"${line}"`));
      assert.equal(missing.length, 0);
    } finally {
      await sink.close();
      collector.closeAllConnections();
      collector.close();
    }
  },
);
