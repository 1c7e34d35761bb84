import { encodeHeaderBlock } from '../h2/hpack-encode.ts';
import type { ReplyBlocks } from '../h2/stream.ts';
import { encodeMetadata, encodeStatusMessage } from './h2-metadata.ts';
import type { MetadataValue } from './method.ts';
import type { GrpcStatus } from './status.ts';

type Metadata = readonly (readonly [string, MetadataValue])[];

const responseFields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
] as const;

/** Headers and trailers of a successful reply without metadata of its own. */
export const okBlocks: ReplyBlocks = {
  headers: encodeHeaderBlock(responseFields),
  trailers: encodeHeaderBlock([['grpc-status', '0']]),
};

export function encodeResponseHeaders(metadata: Metadata): Buffer {
  return encodeHeaderBlock([
    ...responseFields,
    ...metadata.map(([name, value]) => encodeMetadata(name, value)),
  ]);
}

/** Leading and trailing blanks may not stand in a header, so they are percent-encoded too. */
function statusMessageField(message: string): readonly [string, string] {
  const encoded = encodeStatusMessage(message);
  return ['grpc-message', encoded.replace(/^ | $/g, '%20')];
}

/** Trailers of any status. `leading` precedes it: the response headers in a trailers-only reply, else nothing. */
export function encodeTrailers(
  leading: Metadata | undefined,
  status: GrpcStatus,
  metadata: Metadata,
): Buffer {
  const fields: (readonly [string, string])[] = [];
  if (leading !== undefined) {
    fields.push(...responseFields);
    for (const [name, value] of leading) fields.push(encodeMetadata(name, value));
  }
  fields.push(['grpc-status', String(status.code)]);
  if (status.message !== '') fields.push(statusMessageField(status.message));
  for (const [name, value] of status.trailers) fields.push(encodeMetadata(name, value));
  for (const [name, value] of metadata) fields.push(encodeMetadata(name, value));
  return encodeHeaderBlock(fields);
}

/** A reply to what is not a gRPC request. */
export const unsupportedMediaType = encodeHeaderBlock([
  [':status', '415'],
  ['accept', 'application/grpc'],
]);
export const methodNotAllowed = encodeHeaderBlock([
  [':status', '405'],
  ['allow', 'POST'],
]);
