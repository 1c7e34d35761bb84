import { encodeHeaderBlock } from '../h2/hpack-encode.ts';
import type { RequestHead } from '../h2/request-head.ts';
import type { H2Stream, StreamSink } from '../h2/stream.ts';
import { H2Request, readHttpRequest } from './h2-request.ts';
import { H2Response } from './h2-response.ts';
import type { PeerRequest, PeerResponse } from './peer.ts';

/** Opens a stream whose header section was read before. */
export type StreamOpener = (stream: H2Stream) => StreamSink;

export type H2Acceptor = (head: RequestHead) => StreamOpener;

/** What has no body that means anything (RFC 9110, sections 9.3.1 and 9.3.2). */
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD']);

const headTooLarge = encodeHeaderBlock([
  [':status', '431'],
  ['content-length', '0'],
]);

/** Receives what comes of a refused request, which nobody reads. */
const discardingSink: StreamSink = {
  onData() {},
  onEnd() {},
  onDrained() {},
  onDone() {},
  onAborted() {},
};

/**
 * Hands the requests of HTTP/2 connections to `serve`, which resolves when it is done with one and never rejects. Called
 * with a header section, the result gives what opens the streams that begin with it.
 */
export function createH2Acceptor(
  serve: (request: PeerRequest, response: PeerResponse) => Promise<void>,
): H2Acceptor {
  return (head) => {
    const read = readHttpRequest(head);
    if (read.oversized) return refuseHead;
    return (stream) => {
      const request = new H2Request(stream, read);
      const response = new H2Response(stream, read.method);
      const begin = (): void => {
        stream.beginWork();
        void serve(request, response).then(() => stream.endWork());
      };
      const sink = joinStream(request, response);
      stream.sink = sink;
      if (!bodiless.has(read.method)) {
        begin();
        return sink;
      }
      return beginAtEnd(stream, sink, begin);
    };
  };
}

/**
 * A request of a method without a body is answered once its end is here, or a body after all: an answer before the end
 * had to be followed by a reset, which some clients take for a failure.
 */
function beginAtEnd(stream: H2Stream, sink: StreamSink, begin: () => void): StreamSink {
  const waiting: StreamSink = {
    ...sink,
    onData(chunk, start, end) {
      stream.sink = sink;
      begin();
      sink.onData(chunk, start, end);
    },
    onEnd() {
      stream.sink = sink;
      begin();
      sink.onEnd();
    },
  };
  stream.sink = waiting;
  return waiting;
}

function refuseHead(stream: H2Stream): StreamSink {
  stream.end(headTooLarge);
  return discardingSink;
}

function joinStream(request: H2Request, response: H2Response): StreamSink {
  // A stream that one of them resets tells its sink nothing.
  request.once('close', () => {
    if (!request.complete) response.destroy();
  });
  response.once('close', () => request.destroy());
  return {
    onData: (chunk, start, end) => request.receive(chunk, start, end),
    onEnd: () => request.end(),
    onDrained: () => response.onDrained(),
    onDone: () => response.onDone(),
    onAborted() {
      request.destroy();
      response.destroy();
    },
  };
}
